// The writer thread with a disk that does as it is told.
#include "ledger/writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using ledger::Group;
using ledger::GuestWrites;
using ledger::HashKey;
using ledger::InstanceWrite;
using ledger::NameTable;
using ledger::OperatorAction;
using ledger::StartEntry;
using ledger::StartWrite;
using ledger::Store;
using ledger::StoredInstance;
using ledger::StoreError;
using ledger::Writer;
using ledger::WriterGuest;
using ::testing::ElementsAre;
using namespace std::chrono_literals;

// What happened, from the writer thread; a test waits for it.
class Log {
 public:
  void add(const std::string& line) {
    const std::lock_guard lock{mutex_};
    lines_.push_back(line);
    changed_.notify_all();
  }
  bool wait_for(const std::string& line, int times = 1) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(
        lock, 10s, [&] { return std::count(lines_.begin(), lines_.end(), line) >= times; });
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock{mutex_};
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

struct Disk {
  Log log;
  std::mutex mutex;
  bool full = false;
  int more_to_trim = 0;

  std::condition_variable quick;
  bool slow = false;

  void slow_down(bool is_slow) {
    const std::lock_guard lock{mutex};
    slow = is_slow;
    quick.notify_all();
  }
  void wait_while_slow() {
    std::unique_lock lock{mutex};
    quick.wait(lock, [this] { return !slow; });
  }
  void fill(bool is_full) {
    const std::lock_guard lock{mutex};
    full = is_full;
  }
  bool is_full() {
    const std::lock_guard lock{mutex};
    return full;
  }
};

class TestStore : public Store {
 public:
  explicit TestStore(Disk& disk) : disk_{disk} {}
  void open() override { disk_.log.add("open"); }
  HashKey credential_key(const HashKey& proposed) override { return proposed; }
  void load_instances(std::size_t, std::int64_t,
                      const std::function<void(const StoredInstance&)>&) override {}
  void write(const Group& group, const NameTable&) override {
    if (disk_.is_full()) {
      disk_.log.add("refused");
      throw StoreError{"no space on the test disk", false};
    }
    std::string line;
    for (const InstanceWrite& write : group.instances) line += write.key;
    for (const StartWrite& start : group.starts) line += "#" + std::to_string(start.number);
    for (const OperatorAction& action : group.actions) line += "!" + action.action;
    disk_.log.add(line + (group.sync ? " synced" : ""));
    disk_.wait_while_slow();
  }
  bool trim(std::size_t, std::int64_t) override { return false; }
  void take_over_starts(NameTable&, const std::function<void(StartEntry&&)>&) override {}
  std::uint64_t highest_start() override { return 0; }
  std::shared_ptr<const std::string> body_of(std::uint64_t) override { return nullptr; }
  std::optional<StartEntry> find_start_by_key(std::string_view, NameTable&) override {
    return std::nullopt;
  }
  std::vector<StartEntry> starts_ran_since(std::int64_t, std::uint64_t, std::size_t,
                                           NameTable&) override {
    return {};
  }
  bool trim_starts(std::int64_t, std::int64_t, std::uint64_t) override { return false; }
  std::uint64_t bytes_used() const override { return 0; }
  std::vector<OperatorAction> take_requests() override { return {}; }

 private:
  Disk& disk_;
};

InstanceWrite write_of(std::string key) {
  return {std::move(key), "primary", ledger::Instance{}, {}};
}

struct Fixture {
  Disk disk;
  NameTable places;
  std::vector<std::vector<std::string>> left_over;  // the writer thread's once it runs

  std::unique_ptr<Writer> start(Writer::Options options, std::string trouble = {}) {
    Writer::Work work{[this](Store&) { disk.log.add("opened"); },
                      [this](Store&) {
                        disk.log.add("trim");
                        return disk.more_to_trim-- > 0;
                      },
                      [this](std::vector<InstanceWrite>& batch) {
                        if (left_over.empty()) return false;
                        for (const std::string& key : left_over.back())
                          batch.push_back(write_of(key));
                        left_over.pop_back();
                        return !left_over.empty();
                      }};
    return std::make_unique<Writer>(std::make_unique<TestStore>(disk), options, std::move(work),
                                    places, std::move(trouble));
  }
};

constexpr Writer::Options quick{100, 1ms, 1ms, 1h};
constexpr Writer::Options patient{100, 1h, 1h, 1h};  // acts when told to stop

std::vector<std::string> without_trim(std::vector<std::string> lines) {
  std::erase(lines, "trim");
  return lines;
}

TEST(WriterTest, changes_queued_together_are_one_group) {
  Fixture fixture;
  auto writer = fixture.start(patient);
  for (const char* key : {"a", "b", "c"}) EXPECT_TRUE(writer->push(write_of(key)));
  writer.reset();  // writes what is queued
  EXPECT_THAT(without_trim(fixture.disk.log.lines()), ElementsAre("abc"));
}

TEST(WriterTest, a_change_is_written_without_being_asked_for) {
  Fixture fixture;
  const auto writer = fixture.start(quick);
  writer->push(write_of("a"));
  EXPECT_TRUE(fixture.disk.log.wait_for("a"));
  writer->push(write_of("b"));
  EXPECT_TRUE(fixture.disk.log.wait_for("b"));
}

TEST(WriterTest, half_a_queue_does_not_wait_for_company) {
  Fixture fixture;
  const auto writer = fixture.start({4, 1h, 1h, 1h});
  writer->push(write_of("a"));
  writer->push(write_of("b"));
  EXPECT_TRUE(fixture.disk.log.wait_for("ab"));
}

TEST(WriterTest, a_full_disk_is_reported_and_nothing_is_lost_or_reordered) {
  Fixture fixture;
  fixture.disk.fill(true);
  const auto writer = fixture.start(quick);
  writer->push(write_of("a"));
  ASSERT_TRUE(fixture.disk.log.wait_for("refused", 2));
  EXPECT_FALSE(writer->status().ok);
  EXPECT_EQ(writer->status().message, "no space on the test disk");
  EXPECT_EQ(writer->status().written, 0u);
  writer->push(write_of("b"));
  fixture.disk.fill(false);
  ASSERT_TRUE(fixture.disk.log.wait_for("a"));
  ASSERT_TRUE(fixture.disk.log.wait_for("b"));
  writer->push(write_of("c"));
  ASSERT_TRUE(
      fixture.disk.log.wait_for("c"));  // noted before that: b is written and the state well
  EXPECT_TRUE(writer->status().ok);
  EXPECT_EQ(writer->status().message, "");
  EXPECT_GE(writer->status().written, 2u);
}

TEST(WriterTest, after_a_failure_the_store_is_opened_again_before_anything_else) {
  Fixture fixture;
  const auto writer = fixture.start(quick, "the folder cannot be created");
  ASSERT_TRUE(fixture.disk.log.wait_for("opened"));
  EXPECT_EQ(fixture.disk.log.lines().at(0), "open");
}

TEST(WriterTest, what_was_queued_is_written_before_the_file_is_read) {
  Fixture fixture;
  auto writer = fixture.start(patient, "not yet");
  writer->push(write_of("a"));
  writer.reset();
  EXPECT_THAT(without_trim(fixture.disk.log.lines()), ElementsAre("open", "a", "opened"));
}

TEST(WriterTest, a_full_queue_refuses_and_counts) {
  Fixture fixture;
  fixture.disk.fill(true);
  const auto writer = fixture.start({3, 1h, 1h, 1h}, "not yet");
  for (const char* key : {"a", "b", "c"}) EXPECT_TRUE(writer->push(write_of(key)));
  EXPECT_FALSE(writer->push(write_of("d")));
  EXPECT_FALSE(writer->push(write_of("e")));
  EXPECT_FALSE(writer->status().ok);
  EXPECT_EQ(writer->status().message, "not yet");
  EXPECT_EQ(writer->status().dropped, 2u);
}

TEST(WriterTest, what_did_not_fit_is_asked_for_until_nothing_is_left) {
  Fixture fixture;
  fixture.left_over = {{"d"}, {"c"}, {"b"}};
  const auto writer = fixture.start({100, 1ms, 1ms, 1h});
  writer->push(write_of("a"));
  EXPECT_TRUE(fixture.disk.log.wait_for("d"));  // with one change queued, three rounds
}

TEST(WriterTest, stopping_does_not_wait_for_a_disk_that_refuses) {
  Fixture fixture;
  fixture.disk.fill(true);
  auto writer = fixture.start(patient);
  writer->push(write_of("a"));
  writer.reset();
  EXPECT_TRUE(fixture.disk.log.wait_for("refused"));
}

TEST(WriterTest, trimming_goes_on_while_there_is_more) {
  Fixture fixture;
  fixture.disk.more_to_trim = 3;
  const auto writer = fixture.start(quick);
  EXPECT_TRUE(fixture.disk.log.wait_for("trim", 4));
  writer->push(write_of("a"));
  EXPECT_TRUE(fixture.disk.log.wait_for("a"));
  EXPECT_THAT(without_trim(fixture.disk.log.lines()), ElementsAre("a"));
}

TEST(WriterTest, many_changes_are_written_in_portions_that_a_start_can_wait_for) {
  Fixture fixture;
  auto options = patient;
  options.most_at_once = 2;
  auto writer = fixture.start(options);
  for (const char* key : {"a", "b", "c", "d", "e"}) EXPECT_TRUE(writer->push(write_of(key)));
  writer.reset();
  EXPECT_THAT(without_trim(fixture.disk.log.lines()), ElementsAre("ab", "cd", "e"));
}

// Does in its next turn what a test has asked for.
class TestGuest : public WriterGuest {
 public:
  explicit TestGuest(Log& log) : log_{log} {}

  void ask(GuestWrites writes) {
    const std::lock_guard lock{mutex_};
    asked_.push_back(std::move(writes));
  }
  void be_due_after_next_turn() {
    const std::lock_guard lock{mutex_};
    due_soon_ = true;
  }

  void opened(Store&) override { log_.add("guest opened"); }
  void turn(Store* store, GuestWrites& writes) override {
    EXPECT_FALSE(unanswered_) << "a turn before the answer to the one before";
    {
      const std::lock_guard lock{mutex_};
      take(writes);
    }
    unanswered_ = !writes.empty();
    // Last: what a test asks for when it has seen this turn is for the next one.
    log_.add(store == nullptr ? "turn without disk" : "turn");
  }
  void take(GuestWrites& writes) {
    due_.reset();
    if (std::exchange(due_soon_, false)) due_ = std::chrono::steady_clock::now() + 5ms;
    for (GuestWrites& asked : asked_) {
      writes.starts.insert(writes.starts.end(), asked.starts.begin(), asked.starts.end());
      writes.actions.insert(writes.actions.end(), asked.actions.begin(), asked.actions.end());
      writes.sync = writes.sync || asked.sync;
    }
    asked_.clear();
  }
  void written(bool ok, const std::string& why, std::chrono::nanoseconds) override {
    EXPECT_TRUE(unanswered_);
    unanswered_ = false;
    log_.add(ok ? "written" : "not written: " + why);
  }
  std::optional<std::chrono::steady_clock::time_point> next_turn() override { return due_; }
  bool trim(Store&) override {
    log_.add("guest trims");
    return false;
  }

 private:
  Log& log_;
  bool unanswered_ = false;
  std::optional<std::chrono::steady_clock::time_point> due_;
  std::mutex mutex_;
  bool due_soon_ = false;
  std::vector<GuestWrites> asked_;
};

GuestWrites start(std::uint64_t number, bool sync) {
  GuestWrites writes;
  writes.starts.push_back({number, nullptr, false, false});
  writes.sync = sync;
  return writes;
}

std::vector<std::string> without_turns(std::vector<std::string> lines) {
  std::erase_if(lines, [](const std::string& line) {
    return line == "turn" || line == "trim" || line == "guest trims";
  });
  return lines;
}

// Asks the writer for a group now, although its Options would have it wait for an hour.
void wake_with(Writer& writer, TestGuest& guest, GuestWrites writes) {
  guest.ask(std::move(writes));
  writer.wake();
}

TEST(WriterGuests, what_somebody_waits_for_is_synced_at_once_with_all_that_is_queued) {
  Fixture fixture;
  TestGuest guest{fixture.disk.log};
  const auto writer = fixture.start(patient);
  writer->attach(guest);
  ASSERT_TRUE(fixture.disk.log.wait_for("turn"));
  writer->push(write_of("a"));
  wake_with(*writer, guest, start(7, true));
  ASSERT_TRUE(fixture.disk.log.wait_for("written"));
  writer->detach();
  EXPECT_THAT(without_turns(fixture.disk.log.lines()),
              ElementsAre("guest opened", "a#7 synced", "written"));
}

TEST(WriterGuests, what_nobody_waits_for_gathers_but_is_answered_before_the_next_turn) {
  Fixture fixture;
  TestGuest guest{fixture.disk.log};
  const auto writer = fixture.start(patient);
  writer->attach(guest);
  ASSERT_TRUE(fixture.disk.log.wait_for("turn"));
  wake_with(*writer, guest, start(1, false));
  ASSERT_TRUE(fixture.disk.log.wait_for("turn", 2));
  EXPECT_THAT(without_turns(fixture.disk.log.lines()), ElementsAre("guest opened"));
  wake_with(*writer, guest, start(2, true));
  ASSERT_TRUE(fixture.disk.log.wait_for("written", 2));
  writer->detach();
  EXPECT_THAT(without_turns(fixture.disk.log.lines()),
              ElementsAre("guest opened", "#1", "written", "#2 synced", "written"));
}

TEST(WriterGuests, what_nobody_waits_for_is_written_after_a_moment) {
  Fixture fixture;
  TestGuest guest{fixture.disk.log};
  const auto writer = fixture.start(quick);
  writer->attach(guest);
  wake_with(*writer, guest, start(1, false));
  EXPECT_TRUE(fixture.disk.log.wait_for("written"));
  writer->detach();
}

TEST(WriterGuests, a_turn_that_is_due_needs_nobody_to_wake_it) {
  Fixture fixture;
  TestGuest guest{fixture.disk.log};
  guest.be_due_after_next_turn();
  const auto writer = fixture.start(patient);
  writer->attach(guest);
  EXPECT_TRUE(fixture.disk.log.wait_for("turn", 2));
  writer->detach();
}

TEST(WriterGuests, a_failed_group_is_kept_for_the_directory_but_not_for_the_guest) {
  Fixture fixture;
  TestGuest guest{fixture.disk.log};
  fixture.disk.fill(true);
  const auto writer = fixture.start({100, 1h, 1ms, 1h});
  writer->attach(guest);
  ASSERT_TRUE(fixture.disk.log.wait_for("turn"));
  writer->push(write_of("a"));
  wake_with(*writer, guest, start(7, true));
  ASSERT_TRUE(fixture.disk.log.wait_for("not written: no space on the test disk"));
  fixture.disk.fill(false);
  ASSERT_TRUE(fixture.disk.log.wait_for("a"));
  ASSERT_TRUE(fixture.disk.log.wait_for("guest opened", 2));  // behind what was kept
  wake_with(*writer, guest, start(8, true));
  ASSERT_TRUE(fixture.disk.log.wait_for("#8 synced"));
  writer->detach();
  const auto lines = fixture.disk.log.lines();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "a#7 synced"), 0);
}

TEST(WriterGuests, turns_go_on_at_once_while_the_disk_refuses) {
  Fixture fixture;
  TestGuest guest{fixture.disk.log};
  const auto writer = fixture.start(patient, "no such disk");  // tries again in an hour
  writer->attach(guest);
  ASSERT_TRUE(fixture.disk.log.wait_for("turn without disk"));
  for (int i = 1; i <= 3; ++i) {
    wake_with(*writer, guest, start(1, i % 2 == 0));
    ASSERT_TRUE(fixture.disk.log.wait_for("not written: no such disk", i));
  }
  writer->detach();
}

TEST(WriterGuests, a_guest_that_leaves_has_its_last_words_written_and_is_left_alone) {
  Fixture fixture;
  auto guest = std::make_unique<TestGuest>(fixture.disk.log);
  const auto writer = fixture.start(patient);
  writer->attach(*guest);
  ASSERT_TRUE(fixture.disk.log.wait_for("turn"));
  wake_with(*writer, *guest, start(3, false));
  writer->detach();
  guest.reset();
  EXPECT_THAT(without_turns(fixture.disk.log.lines()),
              ElementsAre("guest opened", "#3", "written"));
  writer->wake();  // harmless
  TestGuest other{fixture.disk.log};
  writer->attach(other);
  EXPECT_TRUE(fixture.disk.log.wait_for("guest opened", 2));
  writer->detach();
}

TEST(WriterGuests, a_guest_that_leaves_during_a_commit_waits_for_its_end) {
  Fixture fixture;
  auto guest = std::make_unique<TestGuest>(fixture.disk.log);
  const auto writer = fixture.start(patient);
  writer->attach(*guest);
  ASSERT_TRUE(fixture.disk.log.wait_for("turn"));
  fixture.disk.slow_down(true);
  wake_with(*writer, *guest, start(3, true));
  ASSERT_TRUE(fixture.disk.log.wait_for("#3 synced"));
  std::thread leaving{[&] {
    writer->detach();
    guest.reset();
    fixture.disk.log.add("left");
  }};
  EXPECT_THAT(without_turns(fixture.disk.log.lines()), ElementsAre("guest opened", "#3 synced"));
  fixture.disk.slow_down(false);
  leaving.join();
  EXPECT_THAT(without_turns(fixture.disk.log.lines()),
              ElementsAre("guest opened", "#3 synced", "written", "left"));
}

TEST(WriterGuests, a_guest_that_comes_and_leaves_at_once_is_let_go) {
  Fixture fixture;
  const auto writer = fixture.start(quick);
  for (int i = 0; i < 200; ++i) {
    TestGuest guest{fixture.disk.log};
    writer->attach(guest);
    writer->detach();
  }
}

TEST(WriterGuests, a_writer_that_ends_first_asks_its_guest_once_more_and_then_never) {
  Fixture fixture;
  TestGuest guest{fixture.disk.log};
  auto writer = fixture.start(patient);
  writer->attach(guest);
  ASSERT_TRUE(fixture.disk.log.wait_for("turn"));
  writer->push(write_of("a"));
  wake_with(*writer, guest, start(3, false));
  writer.reset();
  EXPECT_THAT(without_turns(fixture.disk.log.lines()),
              ElementsAre("guest opened", "a#3", "written"));
}

TEST(WriterGuests, the_guest_trims_with_the_directory) {
  Fixture fixture;
  TestGuest guest{fixture.disk.log};
  const auto writer = fixture.start({100, 1ms, 1ms, 1ms});
  writer->attach(guest);
  EXPECT_TRUE(fixture.disk.log.wait_for("guest trims", 2));
  writer->detach();
}

TEST(WriterGuests, need_no_directory) {
  Disk disk;
  NameTable places;
  TestGuest guest{disk.log};
  Writer writer{std::make_unique<TestStore>(disk), patient, places};
  writer.attach(guest);
  wake_with(writer, guest, start(3, true));
  EXPECT_TRUE(disk.log.wait_for("written"));
  writer.detach();
  EXPECT_EQ(disk.log.lines().at(0), "open");
}

TEST(WriterGuests, woken_by_many_threads_never_miss_a_start) {
  Fixture fixture;
  TestGuest guest{fixture.disk.log};
  const auto writer = fixture.start(patient);
  writer->attach(guest);
  constexpr std::uint64_t each = 500;
  std::vector<std::thread> workers;
  for (std::uint64_t worker = 0; worker < 4; ++worker)
    workers.emplace_back([&, worker] {
      for (std::uint64_t i = 0; i < each; ++i)
        wake_with(*writer, guest, start(worker * each + i, true));
    });
  for (std::thread& worker : workers) worker.join();
  writer->detach();
  std::size_t starts = 0;
  for (const std::string& line : fixture.disk.log.lines())
    starts += static_cast<std::size_t>(std::count(line.begin(), line.end(), '#'));
  EXPECT_EQ(starts, 4 * each);
}

}  // namespace
