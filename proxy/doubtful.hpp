// The connection of a start whose outcome is in doubt, kept after its client was answered or left:
// a host that was frozen answers on it when it thaws, which is the best evidence there is. Reads
// that answer, bounded, reports it and ends. Owned by its worker's list; worker thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "ledger/evidence.hpp"
#include "proxy/start_ticket.hpp"
#include "transport/channel.hpp"

namespace proxy {

class UpstreamConnection;
struct ResponseHead;

// What may be told of an answer later; null when its body is too long to be kept.
std::shared_ptr<const ledger::StoredAnswer> stored_answer(const ResponseHead& head,
                                                          std::string_view body);

class DoubtfulConnection final : public transport::ReadinessTarget {
 public:
  // `begun`: what has come of the answer so far.
  DoubtfulConnection(Worker& worker, std::shared_ptr<StartTicket> ticket,
                     UpstreamConnection* upstream, std::size_t attempt, bool own_key,
                     std::string_view begun, std::uint32_t deadline);
  ~DoubtfulConnection();
  DoubtfulConnection(const DoubtfulConnection&) = delete;
  DoubtfulConnection& operator=(const DoubtfulConnection&) = delete;

  std::size_t attempt() const { return attempt_; }
  std::uint32_t deadline() const { return deadline_; }

  // Each deletes this object.
  void on_ready(std::uint8_t bit) override;  // when the answer or the end has come
  void time_out();
  void close();    // the ledger needs no report
  void abandon();  // the worker stops

 private:
  void end(const ledger::AttemptReport& report,
           std::shared_ptr<const ledger::StoredAnswer> answer = {});
  void drop();
  bool read_on();  // false: it has ended
  bool judge(bool ended);

  Worker& worker_;
  std::shared_ptr<StartTicket> ticket_;
  UpstreamConnection* upstream_;
  std::size_t attempt_;
  bool own_key_;  // it was sent with the endpoint's key that we have
  std::uint32_t deadline_;
  std::string text_;  // of the answer
};

}  // namespace proxy
