#include "proxy/start_ticket.hpp"

#include "proxy/client_connection.hpp"
#include "proxy/doubtful.hpp"
#include "proxy/worker.hpp"

namespace proxy {

using ledger::AttemptReport;

namespace {

AttemptReport nothing_sent() {
  AttemptReport report;
  report.ending = ledger::AttemptEnding::nothing_sent;
  return report;
}

}  // namespace

void StartTicket::send(const ledger::LiveSend& what) {
  worker_.loop.post([self = shared_from_this(), what] { self->on_send(what); });
}

void StartTicket::answer(const ledger::StartAnswer& what) {
  worker_.loop.post([self = shared_from_this(), what] {
    self->number_ = what.number;
    if (!self->owner_) return;
    self->answered_ = what;
    self->owner_->on_ready(ClientConnection::kick);
  });
}

void StartTicket::close(std::size_t attempt) {
  worker_.loop.post([self = shared_from_this(), attempt] {
    self->closed_.push_back(attempt);
    for (DoubtfulConnection* each : self->kept_)
      if (each->attempt() == attempt) return each->close();
  });
}

void StartTicket::on_send(const ledger::LiveSend& what) {
  number_ = what.number;
  if (!owner_) return report(what.attempt, nothing_sent(), false);
  to_send_ = what;
  owner_->on_ready(ClientConnection::kick);
}

void StartTicket::leave() {
  owner_ = nullptr;
  ledger::StartLedger& ledger = *worker_.shared.durable.ledger;
  if (to_send_) report(to_send_->attempt, nothing_sent(), false);
  to_send_.reset();
  if (answered_) return;
  number_ != 0 ? ledger.client_left(number_, this) : ledger.client_left_early(shared_from_this());
}

void StartTicket::keep(UpstreamConnection* connection, std::size_t attempt, bool own_key,
                       std::string_view begun, std::uint32_t deadline) {
  new DoubtfulConnection{worker_, shared_from_this(), connection, attempt, own_key, begun,
                         deadline};
}

void StartTicket::report(std::size_t attempt, const AttemptReport& report, bool resendable,
                         std::shared_ptr<const ledger::StoredAnswer> answer) const {
  worker_.shared.durable.ledger->attempt_ended(number_, attempt, report, resendable,
                                               std::move(answer));
}

}  // namespace proxy
