// A start ledger on a real store, and the world around it as a script: clients, hubs, a disk that
// blocks, fails or dies, and a clock that only the test moves.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ledger/ledger_file.hpp"
#include "ledger/sqlite_store.hpp"
#include "ledger/start_ledger.hpp"

namespace start_ledger_test {

using namespace ledger;
using namespace std::chrono_literals;
using config::Millis;
using What = StartAnswer::What;
using Reply = WaitingReply::What;

inline constexpr Place A = 0, B = 1;
inline constexpr std::chrono::seconds long_enough{20};

struct Clock {
  std::atomic<std::int64_t> ms{0};
  Now now() const {
    const Millis span{ms.load()};
    return {TimePoint{std::chrono::hours{1000}} + span,
            WallTime{std::chrono::hours{500'000}} + span};
  }
};

// What happened, for a test to wait for.
class Signal {
 public:
  template <class Change>
  void change(Change change_it) {
    const std::lock_guard lock{mutex_};
    change_it();
    changed_.notify_all();
  }
  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, long_enough, condition);
  }
  template <class Look>
  auto look(Look look_at_it) {
    const std::lock_guard lock{mutex_};
    return look_at_it();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

class Client : public StartClient {
 public:
  void send(const LiveSend& send) override {
    signal.change([&] { sends.push_back(send); });
  }
  void answer(const StartAnswer& answer) override {
    signal.change([&] { answers.push_back(answer); });
  }
  void close(std::size_t) override {
    signal.change([&] { ++closed; });
  }
  LiveSend sent(std::size_t n = 1) {
    EXPECT_TRUE(signal.wait([&] { return sends.size() >= n; })) << "nothing was sent";
    return signal.look([&] { return sends.size() >= n ? sends[n - 1] : LiveSend{}; });
  }
  StartAnswer answered() {
    EXPECT_TRUE(signal.wait([&] { return !answers.empty(); })) << "no answer";
    return signal.look([&] { return answers.empty() ? StartAnswer{} : answers.front(); });
  }
  bool heard_nothing() {
    return signal.look([&] { return sends.empty() && answers.empty(); });
  }

  Signal signal;
  std::vector<LiveSend> sends;
  std::vector<StartAnswer> answers;
  int closed = 0;
};

class Hub : public HubAccess {
 public:
  void look_up(Place place, const std::string& id, std::function<void(Look)> done) override {
    Look look;
    bool silent_now = false;
    signal.change([&] {
      ++looks;
      silent_now = silent;
      look.result = unanswered ? LookResult::unanswered : LookResult::absent;
      const auto found = instances.find({place, id});
      if (!unanswered && found != instances.end()) look = {LookResult::found, found->second};
    });
    if (!silent_now) done(look);
  }
  void send(SendJob job, std::function<void(SendResult)> done) override {
    SendResult result;
    bool hold_it = false;
    signal.change([&] {
      jobs.push_back(job);
      most_out = std::max(most_out, ++out);
      hold_it = hold;
      result = next;
      if (hold) held.push_back(std::move(done));
    });
    if (hold_it) return;
    signal.change([&] { --out; });
    done(result);
  }
  void terminate(Place place, const std::string& id, std::function<void(bool)> done) override {
    signal.change([&] { terminated.emplace_back(place, id); });
    done(true);
  }
  void ask_hub(Place, const std::string&, std::function<void(HubSays)> done) override {
    signal.change([&] {
      ++asked;
      asking = std::move(done);
    });
  }
  void says(HubSays what) {
    ASSERT_TRUE(signal.wait([&] { return asking != nullptr; }));
    std::exchange(asking, nullptr)(what);
  }
  bool got_jobs(std::size_t n) {
    return signal.wait([&] { return jobs.size() >= n; });
  }
  void let_one_go() {
    std::function<void(SendResult)> done;
    signal.change([&] {
      done = std::move(held.front());
      held.erase(held.begin());
      --out;
    });
    done(next);
  }

  Signal signal;
  std::map<std::pair<Place, std::string>, WallTime> instances;
  bool silent = false, unanswered = false, hold = false;
  SendResult next{{AttemptEnding::answered, 202, false, false, true}, nullptr};
  std::size_t looks = 0, asked = 0, out = 0, most_out = 0;
  std::vector<SendJob> jobs;
  std::vector<std::function<void(SendResult)>> held;
  std::vector<std::pair<Place, std::string>> terminated;
  std::function<void(HubSays)> asking;
};

// How the disk behaves; outlives every store on it.
struct Disk {
  Signal signal;
  bool blocked = false, full = false, dead = false;
  bool waiting = false;  // a group is held up
  std::size_t groups = 0, synced = 0;
  std::vector<OperatorAction> actions;
};

class DiskStore : public SqliteStore {
 public:
  DiskStore(Disk& disk, const std::string& path) : SqliteStore{path}, disk_{disk} {}
  void write(const Group& group, const NameTable& places) override {
    const bool waits = !group.starts.empty();
    disk_.signal.change([&] { disk_.waiting = waits && disk_.blocked; });
    EXPECT_TRUE(disk_.signal.wait([&] { return !waits || !disk_.blocked; }));
    disk_.signal.change([&] { disk_.waiting = false; });
    bool refuse = false;
    disk_.signal.change([&] { refuse = disk_.full || disk_.dead; });
    if (refuse) throw StoreError{"no space on the test disk", false};
    SqliteStore::write(group, places);
    disk_.signal.change([&] {
      ++disk_.groups;
      if (group.sync) ++disk_.synced;
      disk_.actions.insert(disk_.actions.end(), group.actions.begin(), group.actions.end());
    });
  }

 private:
  Disk& disk_;
};

class StartLedgerTest : public ::testing::Test {
 protected:
  StartLedgerTest() {
    char name[] = "/tmp/start-ledger-XXXXXX";
    folder = ::mkdtemp(name);
    settings.durable.task_hub = config::TaskHub::per_region;
    for (const Place place : {A, B}) {
      EndpointView view;
      view.place = place;
      view.peer = config::Peer::direct;
      view.has_key = true;
      views.push_back(view);
    }
  }
  ~StartLedgerTest() override {
    close();
    std::filesystem::remove_all(folder);
  }

  void open() {
    DirectoryOptions options;
    options.path = folder + "/ledger.db";
    directory = std::make_unique<InstanceDirectory>(options,
                                                    std::make_unique<DiskStore>(disk, options.path),
                                                    clock.now().wall.time_since_epoch().count());
    EXPECT_EQ(directory->place_of("weu"), A);
    EXPECT_EQ(directory->place_of("neu"), B);
    StartLedger::Options how;
    how.mode = config::LedgerMode::durable;
    how.now = [this] { return clock.now(); };
    how.on_news = [this](const StartNews& one) {
      news_signal.change([&] { news.push_back(one); });
    };
    ledger = std::make_unique<StartLedger>(*directory, hub, how);
    publish();
    barrier();
  }
  void close() {
    ledger.reset();
    directory.reset();
  }
  // As a kill: nothing more reaches the disk.
  void die() {
    disk.signal.change([&] { disk.dead = true; });
    close();
    disk.signal.change([&] { disk.dead = false; });
  }

  void publish() {
    const auto next = std::make_shared<LedgerPicture>();
    if (published == nullptr || !(*published == settings))
      published = std::make_shared<const config::Config>(settings);
    next->config = published;
    next->endpoints = views;
    ledger->publish(next);
  }
  void degrade(Place place) {
    for (EndpointView& view : views)
      if (view.place == place) {
        view.degraded_since = clock.now().steady;
        view.usable = false;
      }
    publish();
  }
  void recover_views() {
    for (EndpointView& view : views) {
      view.degraded_since.reset();
      view.usable = true;
    }
  }
  void recover(Place place) {
    views[place].degraded_since.reset();
    views[place].usable = true;
    publish();
  }
  // Two turns of the ledger's thread are over when it returns.
  void barrier() {
    for (int i = 0; i < 2; ++i) {
      std::promise<void> done;
      ledger->list(StartList::all, 0, [&done](const auto&) { done.set_value(); });
      ASSERT_EQ(done.get_future().wait_for(long_enough), std::future_status::ready);
    }
  }
  void pass(Millis span) {
    while (span.count() > 0) {
      const Millis part = std::min(span, Millis{900});
      clock.ms += part.count();
      span -= part;
      publish();
      barrier();
    }
  }

  static StartRequest request(std::string id = {}, std::string text = "{}") {
    StartRequest start;
    start.id = std::move(id);
    start.function = "Ship";
    start.content_type = "application/json";
    start.body_hash[0] = static_cast<std::uint8_t>(text.size());
    start.body = std::make_shared<const std::string>(std::move(text));
    start.may_use_keys = true;
    start.first = A;
    return start;
  }
  std::shared_ptr<Client> arrives(StartRequest start) {
    auto client = std::make_shared<Client>();
    ledger->arrive(std::move(start), client);
    return client;
  }
  void ends(const LiveSend& send, AttemptEnding ending, int status = 0,
            std::shared_ptr<const StoredAnswer> answer = nullptr) {
    AttemptReport report;
    report.ending = ending;
    report.status = status;
    ledger->attempt_ended(send.number, send.attempt, report, true, std::move(answer));
  }
  void answers(const LiveSend& send, int status,
               std::shared_ptr<const StoredAnswer> answer = nullptr) {
    ends(send, AttemptEnding::answered, status, std::move(answer));
  }
  WaitingReply ask(WaitingAction action, const std::string& id,
                   std::optional<std::uint64_t> only_for = std::nullopt) {
    std::promise<WaitingReply> done;
    ledger->ask(action, id, only_for,
                [&done](WaitingReply reply) { done.set_value(std::move(reply)); });
    auto reply = done.get_future();
    for (int i = 0; i < 5 && reply.wait_for(200ms) != std::future_status::ready; ++i) pass(900ms);
    EXPECT_EQ(reply.wait_for(long_enough), std::future_status::ready);
    return reply.get();
  }
  std::vector<StartLine> list(StartList which = StartList::all) {
    std::promise<std::vector<StartLine>> done;
    ledger->list(which, 100'000, [&done](auto lines) { done.set_value(std::move(lines)); });
    return done.get_future().get();
  }
  OperatorResult resubmit(const std::string& id) {
    std::promise<OperatorResult> done;
    ledger->resubmit(id, "ops", [&done](auto result) { done.set_value(std::move(result)); });
    return done.get_future().get();
  }
  OperatorResult forget(const std::string& id) {
    std::promise<OperatorResult> done;
    ledger->forget(id, "ops", [&done](auto result) { done.set_value(std::move(result)); });
    return done.get_future().get();
  }
  // Eventually: what is written lazily, or by a chain of turns.
  template <class Condition>
  bool comes_true(Condition condition) {
    for (int i = 0; i < 400; ++i) {
      if (condition()) return true;
      clock.ms += 100;
      publish();
      barrier();
    }
    return false;
  }
  // Starts on disk, whoever owns them; read beside the running ledger.
  std::size_t rows() {
    std::size_t count = 0;
    NameTable names;
    LedgerFile{folder + "/ledger.db"}.read_starts(LedgerFile::Which::all, names,
                                                  [&count](StartEntry&&) { ++count; });
    return count;
  }

  std::string folder;
  Clock clock;
  Disk disk;
  Hub hub;
  config::Config settings;
  std::shared_ptr<const config::Config> published;
  std::vector<EndpointView> views;
  Signal news_signal;
  std::vector<StartNews> news;
  std::unique_ptr<InstanceDirectory> directory;
  std::unique_ptr<StartLedger> ledger;
};

}  // namespace start_ledger_test
