// One start between a request and the ledger: what the ledger says reaches the worker through it,
// and the connections of attempts in doubt hang on it when the request has ended. Shared by both;
// the StartClient functions are called on the ledger's thread and post, the rest is the worker's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger/start_ledger.hpp"

namespace proxy {

class ClientConnection;
class DoubtfulConnection;
class UpstreamConnection;
class Worker;

class StartTicket final : public ledger::StartClient,
                          public std::enable_shared_from_this<StartTicket> {
 public:
  StartTicket(Worker& worker, ClientConnection& owner) : worker_{worker}, owner_{&owner} {}

  void send(const ledger::LiveSend&) override;
  void answer(const ledger::StartAnswer&) override;
  void close(std::size_t attempt) override;

  // --- Worker thread ---
  std::optional<ledger::LiveSend> take_send() { return std::exchange(to_send_, std::nullopt); }
  const std::optional<ledger::StartAnswer>& answered() const { return answered_; }
  std::uint64_t number() const { return number_; }  // 0: the ledger has not spoken yet
  void leave();  // the request ends: nobody is to be woken any more, the ledger is told
  bool closed(std::size_t attempt) const {
    return std::find(closed_.begin(), closed_.end(), attempt) != closed_.end();
  }
  // Waits for the late answer of this attempt and reports it; takes the connection.
  void keep(UpstreamConnection* connection, std::size_t attempt, bool own_key,
            std::string_view begun, std::uint32_t deadline);
  void report(std::size_t attempt, const ledger::AttemptReport&, bool resendable,
              std::shared_ptr<const ledger::StoredAnswer> answer = {}) const;

 private:
  friend class DoubtfulConnection;
  void on_send(const ledger::LiveSend&);

  Worker& worker_;
  ClientConnection* owner_;  // null: its request has ended
  std::uint64_t number_ = 0;
  std::optional<ledger::LiveSend> to_send_;
  std::optional<ledger::StartAnswer> answered_;
  std::vector<DoubtfulConnection*> kept_;
  std::vector<std::size_t> closed_;  // attempts that the ledger wants to hear no more of
};

// What a request that starts an orchestration needs while the ledger is in use. Owned by its
// Exchange.
struct StartCall {
  std::shared_ptr<StartTicket> ticket;
  config::StartVia via = config::StartVia::built_in;
  bool keyed = false;  // has an Idempotency-Key
  std::string id;      // of the instance; known when the first attempt is to be sent
  std::size_t attempt = 0;
  bool under_way = false;  // the attempt is ours, and its end not reported yet
  bool ran = false;        // it was answered with 2xx, and that is what the client gets
  bool accepted = false;   // the client got a 202 of ours
  bool holding = false;    // its other answer waits for the ledger's word,
  bool whole = false;      // and is complete

  ~StartCall() {
    if (ticket) ticket->leave();
  }
  StartCall() = default;
  StartCall(const StartCall&) = delete;
  StartCall& operator=(const StartCall&) = delete;
};

}  // namespace proxy
