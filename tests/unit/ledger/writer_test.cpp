// The writer thread with a disk that does as it is told.
#include "ledger/writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace {

using ledger::HashKey;
using ledger::InstanceWrite;
using ledger::Store;
using ledger::StoredInstance;
using ledger::StoreError;
using ledger::Writer;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
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
  void write(std::span<const InstanceWrite> writes) override {
    if (disk_.is_full()) {
      disk_.log.add("refused");
      throw StoreError{"no space on the test disk", false};
    }
    std::string keys;
    for (const InstanceWrite& write : writes) keys += write.key;
    disk_.log.add(keys);
  }
  bool trim(std::size_t, std::int64_t) override { return false; }

 private:
  Disk& disk_;
};

InstanceWrite write_of(std::string key) {
  return {std::move(key), "primary", ledger::Instance{}, {}};
}

struct Fixture {
  Disk disk;
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
                                    std::move(trouble));
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

}  // namespace
