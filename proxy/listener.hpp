// A listening socket of one worker. Accepts until the queue is empty or the connection cap is
// reached; pauses for a tick when descriptors run out, instead of spinning. Worker thread only.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <memory>

#include "proxy/worker.hpp"

namespace proxy {

class Listener final : public std::enable_shared_from_this<Listener> {
 public:
  Listener(Worker& worker, const ListenerFacts& facts)
      : worker_{worker}, facts_{facts}, acceptor_{worker.io.get_executor()} {}

  bool adopt(int descriptor);
  void wait();
  void resume_if_paused();
  void close();
  void renew(transport::TlsContext tls) { facts_.tls = std::move(tls); }
  const ListenerFacts& facts() const { return facts_; }

 private:
  void accept_ready();

  Worker& worker_;
  ListenerFacts facts_;
  boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, boost::asio::io_context::executor_type>
      acceptor_;
  bool paused_ = false;
};

}  // namespace proxy
