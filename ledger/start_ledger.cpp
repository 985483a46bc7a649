#include "ledger/start_ledger.hpp"

#include <stdexcept>
#include <utility>

#include "ledger/sqlite_store.hpp"
#include "ledger/start_driver.hpp"
#include "ledger/writer.hpp"

namespace ledger {
namespace {

Now real_now() {
  return {std::chrono::steady_clock::now(), std::chrono::time_point_cast<std::chrono::milliseconds>(
                                                std::chrono::system_clock::now())};
}

StartLedger::Options with_clock(StartLedger::Options options) {
  if (!options.now) options.now = real_now;
  return options;
}

}  // namespace

class StartLedger::Impl {
 public:
  Impl(InstanceDirectory& directory, HubAccess& hub, Options options)
      : driver{directory, hub, with_clock(std::move(options)), mailbox, kept} {}

  void post(StartMailbox::Message message) { mailbox->post(std::move(message)); }

  const std::shared_ptr<StartMailbox> mailbox = std::make_shared<StartMailbox>();
  KeptConnections kept;
  StartDriver driver;
  std::unique_ptr<Writer> own_writer;  // in memory mode
  Writer* writer = nullptr;            // null: stopped
};

StartLedger::StartLedger(InstanceDirectory& directory, HubAccess& hub, Options options) {
  const config::LedgerMode mode = options.mode;
  impl_ = std::make_unique<Impl>(directory, hub, std::move(options));
  if (mode == config::LedgerMode::durable) {
    impl_->writer = directory.writer();
    if (impl_->writer == nullptr)
      throw std::logic_error{"a start ledger on disk needs a directory on disk"};
  } else {
    impl_->own_writer = std::make_unique<Writer>(std::make_unique<SqliteStore>(":memory:"),
                                                 Writer::Options{}, directory.places());
    impl_->writer = impl_->own_writer.get();
  }
  impl_->mailbox->open([writer = impl_->writer] { writer->wake(); });
  impl_->writer->attach(impl_->driver);
}

StartLedger::~StartLedger() {
  stop();
}

void StartLedger::stop() {
  if (impl_->writer == nullptr) return;
  impl_->post([](StartDriver& driver) { driver.stop(); });
  impl_->driver.wait_until_stopped();
  impl_->mailbox->close();
  std::exchange(impl_->writer, nullptr)->detach();
}

void StartLedger::publish(std::shared_ptr<const LedgerPicture> picture) {
  impl_->post([picture = std::move(picture)](StartDriver& driver) { driver.publish(picture); });
}

void StartLedger::clock_stepped(config::Millis by) {
  impl_->post([by](StartDriver& driver) { driver.clock_stepped(by); });
}

void StartLedger::wait_until_loaded(config::Millis most) {
  impl_->driver.wait_until_loaded(most);
}

void StartLedger::arrive(StartRequest request, std::shared_ptr<StartClient> client) {
  impl_->post(
      [request = std::move(request), client = std::move(client)](StartDriver& driver) mutable {
        driver.arrive(std::move(request), std::move(client));
      });
}

void StartLedger::attempt_ended(std::uint64_t number, std::size_t attempt,
                                const AttemptReport& report, bool live_resendable,
                                std::shared_ptr<const StoredAnswer> answer) {
  impl_->post(
      [number, attempt, report, live_resendable, answer = std::move(answer)](StartDriver& driver) {
        driver.attempt_ended(number, attempt, report, live_resendable, answer);
      });
}

void StartLedger::client_left(std::uint64_t, const StartClient* client) {
  impl_->post([client](StartDriver& driver) { driver.client_left(client); });
}

void StartLedger::client_left_early(std::shared_ptr<StartClient> client) {
  impl_->post(
      [client = std::move(client)](StartDriver& driver) { driver.client_left(client.get()); });
}

bool StartLedger::keep_connection() {
  KeptConnections& kept = impl_->kept;
  const std::size_t most = kept.most.load(std::memory_order_relaxed);
  std::size_t count = kept.count.load(std::memory_order_relaxed);
  while (count < most)
    if (kept.count.compare_exchange_weak(count, count + 1)) return true;
  return false;
}

void StartLedger::kept_connection_ended() {
  impl_->kept.count.fetch_sub(1);
}

bool StartLedger::knows_the_past() const {
  return impl_->driver.knows_the_past();
}

bool StartLedger::may_hold(std::string_view id) const {
  return impl_->driver.book().ids().contains(id);
}

void StartLedger::ask(WaitingAction action, std::string id, std::optional<std::uint64_t> only_for,
                      std::function<void(WaitingReply)> done) {
  impl_->post([action, id = std::move(id), only_for, done = std::move(done)](StartDriver& driver) {
    driver.ask(action, id, only_for, done);
  });
}

void StartLedger::list_waiting(std::size_t most,
                               std::function<void(std::vector<WaitingReply>)> done) {
  impl_->post(
      [most, done = std::move(done)](StartDriver& driver) { driver.list_waiting(most, done); });
}

std::size_t StartLedger::waiting_shown() const {
  return impl_->driver.book().shown_count();
}

void StartLedger::list(StartList which, std::size_t most,
                       std::function<void(std::vector<StartLine>)> done) {
  impl_->post([which, most, done = std::move(done)](StartDriver& driver) {
    driver.list(which, most, done);
  });
}

void StartLedger::resubmit(std::string id, std::string who,
                           std::function<void(OperatorResult)> done) {
  impl_->post([id = std::move(id), who = std::move(who),
               done = std::move(done)](StartDriver& driver) { done(driver.resubmit(id, who)); });
}

void StartLedger::forget(std::string id, std::string who,
                         std::function<void(OperatorResult)> done) {
  impl_->post([id = std::move(id), who = std::move(who),
               done = std::move(done)](StartDriver& driver) { done(driver.forget(id, who)); });
}

void StartLedger::storage_failed_over(WallTime last_sync, std::string who,
                                      std::function<void(OperatorResult)> done) {
  impl_->post([last_sync, who = std::move(who), done = std::move(done)](StartDriver& driver) {
    driver.storage_failed_over(last_sync, who, done);
  });
}

StartLedgerStatus StartLedger::status() const {
  return impl_->driver.status();
}

}  // namespace ledger
