// One connection through a link (link.hpp): two streams, and what is under way between them. Owned
// by the link and its coroutines, on their thread.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "transport/resolver.hpp"
#include "transport/stream.hpp"

namespace transport {

inline constexpr TimePoint never = TimePoint::max();
inline constexpr std::size_t link_piece = 16 * 1024;  // what is read or written at once

struct LinkChunk {
  LinkChunk(std::string bytes_in, TimePoint due_in, bool begins_answer_in)
      : bytes{std::move(bytes_in)}, due{due_in}, begins_answer{begins_answer_in} {}

  std::string bytes;
  std::size_t sent = 0;
  TimePoint due;
  bool begins_answer;
};

// One direction: what was read and is not due yet, or not written.
struct LinkLane {
  explicit LinkLane(const boost::asio::any_io_executor& executor)
      : news{executor}, room{executor} {}

  void put(std::string bytes, TimePoint due, bool begins_answer);
  void due_by(TimePoint latest);
  void wake();

  std::deque<LinkChunk> queue;
  std::size_t held = 0;
  TimePoint last_due{};  // so that jitter never changes the order; the end's, once it has come
  bool ended = false;
  boost::asio::steady_timer news;  // the writer waits on it: for bytes, their time, a heal
  boost::asio::steady_timer room;  // the reader
};

struct LinkConnection : std::enable_shared_from_this<LinkConnection> {
  LinkConnection(const boost::asio::any_io_executor& executor, boost::asio::ip::tcp::socket socket);

  void wake();
  void shut(bool reset);
  void close_after(std::chrono::milliseconds time);

  boost::asio::ip::tcp::socket accepted, connecting;  // until they are
  std::optional<Stream> client, peer;                 // these
  LinkLane up, down;
  boost::asio::steady_timer changed;  // the session waits on it
  boost::asio::steady_timer limit;    // of a connect, or of an end
  int running = 0;                    // readers and writers, each of which has one of these
  struct Ended {
    LinkConnection& connection;
    ~Ended() {
      --connection.running;
      connection.changed.cancel();
    }
  };
  bool dead = false;
  bool answering = false;  // by the link itself; then it ends
  // What the client says next begins a request: since it last spoke, the peer has.
  bool request_begins = true;
  bool answer_begins = false;      // and the other way round
  std::string request;             // its beginning, as long as nobody knows whether to answer it
  std::uint64_t answer_bytes = 0;  // written, of the answer under way
};

}  // namespace transport
