#include "ledger/instance_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using ledger::Instance;
using ledger::InstanceTable;
using ledger::LastStatus;
using ledger::Place;
using ::testing::ElementsAre;
using namespace std::chrono_literals;

constexpr std::int64_t noon = 1'800'000'000'000;
constexpr std::int64_t minute = 60'000;
constexpr std::int64_t day = 24 * 60 * minute;

Instance at(Place place, LastStatus status = LastStatus::running, std::int64_t created = 0,
            std::int64_t updated = 0) {
  Instance instance;
  instance.place = place;
  instance.status = status;
  instance.created_ms = created;
  instance.updated_ms = updated;
  return instance;
}

InstanceTable::Options room_for(std::size_t entries) {
  InstanceTable::Options options;
  options.max_entries = entries;
  options.retention = std::chrono::hours{24};
  return options;
}

// A disk that can be full: keeps what it was given.
struct Disk {
  bool full = false;
  std::vector<std::string> log;
  std::map<std::int64_t, std::string> rows;
  InstanceTable::Save save() {
    return [this](std::string_view key, const Instance* instance, ledger::Row row) {
      if (full) return false;
      log.push_back(std::string{key} + (instance == nullptr ? " gone" : " saved"));
      EXPECT_TRUE(row.from == 0 || rows.erase(row.from) == 1) << key;
      EXPECT_TRUE(row.to == 0 || rows.emplace(row.to, key).second) << key;
      return true;
    };
  }
};

std::vector<std::string> left_over(InstanceTable& table, std::size_t most) {
  std::vector<std::string> keys;
  table.collect_unsaved(
      most, [&](std::string_view key, const Instance&, ledger::Row) { keys.emplace_back(key); });
  return keys;
}

TEST(InstanceTableTest, an_instance_is_found_where_it_was_learned) {
  InstanceTable table{room_for(10), {}};
  Instance fact = at(3, LastStatus::suspended, 100, 200);
  fact.function = "AFunctionWhoseNameIsLong";
  fact.credential = 42;
  EXPECT_FALSE(table.find("a", noon));
  EXPECT_TRUE(table.learn("a", fact, noon));
  fact.seen_ms = noon;
  EXPECT_EQ(table.find("a", noon), fact);
  EXPECT_FALSE(table.find("A", noon));  // ids differ by letter case
  EXPECT_EQ(table.size(), 1u);
}

TEST(InstanceTableTest, keys_are_bytes) {
  InstanceTable table{room_for(10), {}};
  const std::string zero{"a\0b", 3};
  table.learn(zero, at(1), noon);
  table.learn("\xff\xfe", at(2), noon);
  EXPECT_EQ(table.find(zero, noon)->place, 1);
  EXPECT_FALSE(table.find("a", noon));
  EXPECT_EQ(table.find("\xff\xfe", noon)->place, 2);
}

TEST(InstanceTableTest, senseless_keys_and_places_are_not_kept) {
  InstanceTable table{room_for(10), {}};
  const std::string longest(InstanceTable::longest_key, 'x');
  EXPECT_FALSE(table.learn("", at(1), noon));
  EXPECT_FALSE(table.learn(longest + "x", at(1), noon));
  EXPECT_FALSE(table.learn("a", at(ledger::no_place), noon));
  table.learn_start("a", at(ledger::no_place), noon, noon);
  EXPECT_EQ(table.place_if_absent(longest + "x", 4, noon), 4);
  EXPECT_EQ(table.size(), 0u);
  EXPECT_TRUE(table.learn(longest, at(1), noon));
  EXPECT_TRUE(table.find(longest, noon));
}

TEST(InstanceTableTest, the_entry_learned_longest_ago_makes_room) {
  InstanceTable table{room_for(3), {}};
  for (const char* key : {"a", "b", "c"}) table.learn(key, at(1), noon);
  table.learn("a", at(1), noon + 1);  // in use again
  table.learn("d", at(1), noon + 2);
  EXPECT_TRUE(table.find("a", noon + 2));
  EXPECT_FALSE(table.find("b", noon + 2));
  EXPECT_TRUE(table.find("c", noon + 2));
  EXPECT_TRUE(table.find("d", noon + 2));
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(table.evicted(), 1u);
}

TEST(InstanceTableTest, a_large_table_keeps_to_its_bound) {
  InstanceTable table{room_for(5000), {}};
  for (int i = 0; i < 20'000; ++i) table.learn("id" + std::to_string(i), at(1), noon + i);
  EXPECT_LE(table.size(), 5000u);
  EXPECT_GE(table.size(), 4000u);
  EXPECT_EQ(table.size() + table.evicted(), 20'000u);
  EXPECT_TRUE(table.find("id19999", noon + 20'000));
  EXPECT_FALSE(table.find("id0", noon + 20'000));
}

TEST(InstanceTableTest, after_the_retention_an_entry_is_gone_and_counts_as_no_eviction) {
  InstanceTable table{room_for(3), {}};
  table.learn("a", at(1), noon);
  EXPECT_TRUE(table.find("a", noon + day - 1));
  EXPECT_FALSE(table.find("a", noon + day));
  table.learn("b", at(1), noon + day);
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.evicted(), 0u);
}

TEST(InstanceTableTest, an_expired_entry_is_learned_afresh) {
  InstanceTable table{room_for(3), {}};
  table.learn("a", at(1, LastStatus::completed, 10, 20), noon);
  EXPECT_TRUE(table.learn("a", at(2, LastStatus::running), noon + day));
  EXPECT_EQ(table.find("a", noon + day)->place, 2);
  EXPECT_EQ(table.find("a", noon + day)->status, LastStatus::running);
}

TEST(Starts, a_start_begins_a_new_run_of_a_finished_id) {
  InstanceTable table{room_for(3), {}};
  table.learn("a", at(1, LastStatus::completed, 10, 20), noon);
  table.learn_start("a", at(2), noon + 5, noon + 6);
  EXPECT_EQ(table.find("a", noon + 6)->place, 2);
  EXPECT_EQ(table.find("a", noon + 6)->status, LastStatus::pending);
  EXPECT_EQ(table.find("a", noon + 6)->created_ms, 0);
  // The answer of a poll about the run before, late:
  EXPECT_FALSE(table.learn("a", at(1, LastStatus::completed, 10, 20), noon + 7));
  EXPECT_EQ(table.find("a", noon + 7)->place, 2);
  EXPECT_TRUE(table.learn("a", at(2, LastStatus::completed, 30, 40), noon + 8));
  EXPECT_EQ(table.find("a", noon + 8)->created_ms, 30);
}

TEST(Starts, what_a_poll_saw_before_the_start_was_answered_stays) {
  InstanceTable table{room_for(3), {}};
  table.learn("a", at(1, LastStatus::completed, 30, 40), noon + 5);
  Instance start = at(1);
  start.function = "Order";
  start.credential = 9;
  table.learn_start("a", start, noon, noon + 6);
  const auto known = table.find("a", noon + 6);
  EXPECT_EQ(known->status, LastStatus::completed);
  EXPECT_EQ(known->created_ms, 30);
  EXPECT_EQ(known->function, "Order");
  EXPECT_EQ(known->credential, 9u);
}

TEST(Starts, a_start_of_an_unknown_or_only_agreed_id_is_learned) {
  InstanceTable table{room_for(3), {}};
  table.place_if_absent("agreed", 1, noon);
  table.learn_start("agreed", at(2), noon, noon);
  table.learn_start("new", at(2), noon, noon);
  for (const char* key : {"agreed", "new"}) {
    EXPECT_EQ(table.find(key, noon)->place, 2);
    EXPECT_EQ(table.find(key, noon)->status, LastStatus::pending);
    EXPECT_FALSE(table.find(key, noon)->provisional);
  }
}

TEST(Agreeing, the_first_creator_chooses_the_place) {
  InstanceTable table{room_for(3), {}};
  EXPECT_EQ(table.place_if_absent("@e@1", 1, noon), 1);
  EXPECT_EQ(table.place_if_absent("@e@1", 2, noon + 10), 1);
  EXPECT_TRUE(table.find("@e@1", noon)->provisional);
}

TEST(Agreeing, an_agreement_ends_after_a_minute_unless_it_was_seen) {
  InstanceTable table{room_for(3), {}};
  table.place_if_absent("@e@lost", 1, noon);
  table.place_if_absent("@e@seen", 1, noon);
  table.learn("@e@seen", at(1), noon + 1);
  EXPECT_TRUE(table.find("@e@lost", noon + minute - 1));
  EXPECT_FALSE(table.find("@e@lost", noon + minute));
  EXPECT_FALSE(table.find("@e@seen", noon + minute)->provisional);
  EXPECT_EQ(table.place_if_absent("@e@lost", 2, noon + minute), 2);
  EXPECT_EQ(table.place_if_absent("@e@seen", 2, noon + minute), 1);
}

TEST(Agreeing, racing_creators_agree) {
  InstanceTable table{room_for(10'000), {}};
  constexpr int creators = 4;
  constexpr int entities = 500;
  std::vector<std::vector<Place>> answers(creators);
  std::vector<std::thread> threads;
  for (int i = 0; i < creators; ++i) {
    threads.emplace_back([&table, &mine = answers[static_cast<std::size_t>(i)], i] {
      for (int e = 0; e < entities; ++e)
        mine.push_back(
            table.place_if_absent("@e@" + std::to_string(e), static_cast<Place>(i), noon));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 1; i < creators; ++i) EXPECT_EQ(answers[static_cast<std::size_t>(i)], answers[0]);
}

TEST(Threads, a_table_full_of_work_from_all_sides_stays_consistent) {
  Disk disk;
  std::mutex mutex;
  InstanceTable table{room_for(300), [&](std::string_view, const Instance* i, ledger::Row) {
                        const std::lock_guard lock{mutex};
                        return i != nullptr && i->created_ms % 3 != 0;
                      }};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&table, t] {
      for (int i = 0; i < 3000; ++i) {
        const std::string key = "id" + std::to_string((i * 7 + t) % 500);
        Instance fact = at(static_cast<Place>(t), LastStatus::running, i, i);
        fact.function = "F" + std::to_string(i % 5);
        table.learn(key, fact, noon + i);
        if (const auto known = table.find(key, noon + i)) {
          EXPECT_EQ(known->function.at(0), 'F');
        }
        if (i % 11 == 0) table.forget(key, std::nullopt);
        if (i % 13 == 0) table.learn_start(key, fact, noon, noon + i);
        if (t == 0 && i % 50 == 0) left_over(table, 10);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(table.size(), 300u);
}

TEST(Forgetting, only_where_it_was_not_found) {
  InstanceTable table{room_for(3), {}};
  table.learn("a", at(1), noon);
  EXPECT_FALSE(table.forget("a", Place{2}));
  EXPECT_TRUE(table.find("a", noon));
  EXPECT_TRUE(table.forget("a", Place{1}));
  EXPECT_FALSE(table.find("a", noon));
  EXPECT_FALSE(table.forget("a", std::nullopt));
  EXPECT_EQ(table.size(), 0u);
}

TEST(Saving, changes_are_saved_and_repetitions_are_not) {
  Disk disk;
  InstanceTable table{room_for(3), disk.save()};
  table.learn("a", at(1, LastStatus::running, 10, 10), noon);
  table.learn("a", at(1, LastStatus::running, 10, 20), noon + 1);  // a poll like the one before
  EXPECT_THAT(disk.log, ElementsAre("a saved"));
  table.learn("a", at(1, LastStatus::completed, 10, 30), noon + 2);
  table.forget("a", std::nullopt);
  EXPECT_THAT(disk.log, ElementsAre("a saved", "a saved", "a gone"));
}

TEST(Saving, the_disk_holds_what_the_table_holds_in_the_same_order) {
  Disk disk;
  InstanceTable table{room_for(3), disk.save()};
  for (const char* key : {"a", "b", "c"}) table.learn(key, at(1), noon);
  table.learn("a", at(2), noon + 1);  // moves to the end
  table.learn("d", at(1), noon + 2);  // b makes room
  table.forget("c", std::nullopt);
  std::string order;
  for (const auto& [row, key] : disk.rows) order += key;
  EXPECT_EQ(order, "ad");
  table.learn("e", at(1), noon + 2 * day);  // the rest has expired
  table.learn("f", at(1), noon + 2 * day);
  ASSERT_EQ(disk.rows.size(), 2u);
  EXPECT_EQ(disk.rows.begin()->second, "e");
}

TEST(Saving, rows_go_on_after_those_on_disk) {
  Disk disk;
  InstanceTable table{room_for(10), disk.save()};
  disk.rows = {{70, "a"}, {60, "b"}};
  Instance known = at(1);
  known.seen_ms = noon;
  table.load("a", known, 70, noon);
  table.load("b", known, 60, noon);
  table.learn("b", at(2), noon);
  EXPECT_GT(disk.rows.rbegin()->first, 70);
  EXPECT_EQ(disk.rows.rbegin()->second, "b");
  EXPECT_EQ(disk.rows.size(), 2u);
}

TEST(Saving, an_instance_in_use_stays_young_on_disk) {
  Disk disk;
  InstanceTable table{room_for(3), disk.save()};
  for (int hour = 0; hour < 24; ++hour) table.learn("a", at(1), noon + hour * 60 * minute);
  EXPECT_GE(disk.log.size(), 20u);  // once in 45 minutes at most
  EXPECT_LE(disk.log.size(), 24u);
}

TEST(Saving, agreements_never_reach_the_disk) {
  Disk disk;
  InstanceTable table{room_for(3), disk.save()};
  table.place_if_absent("@e@1", 1, noon);
  table.forget("@e@1", std::nullopt);
  EXPECT_THAT(disk.log, ElementsAre());
  table.place_if_absent("@e@1", 1, noon);
  table.learn("@e@1", at(1, LastStatus::unknown), noon);
  EXPECT_THAT(disk.log, ElementsAre("@e@1 saved"));
}

TEST(Saving, what_the_disk_refused_is_handed_over_later_once) {
  Disk disk;
  InstanceTable table{room_for(5000), disk.save()};
  disk.full = true;
  for (int i = 0; i < 100; ++i) table.learn("id" + std::to_string(i), at(1), noon);
  table.forget("id7", std::nullopt);
  disk.full = false;
  table.learn("id8", at(2), noon + 1);  // reached the disk by itself meanwhile
  std::set<std::string> keys;
  for (int round = 0; round < 10; ++round)
    for (const std::string& key : left_over(table, 30)) EXPECT_TRUE(keys.insert(key).second) << key;
  EXPECT_EQ(keys.size(), 98u);
  EXPECT_FALSE(keys.contains("id7"));
  EXPECT_FALSE(keys.contains("id8"));
}

TEST(Loading, what_was_learned_meanwhile_stays_and_the_oldest_find_no_room) {
  InstanceTable table{room_for(3), {}};
  table.learn("a", at(1), noon);
  const auto seen = [](Instance instance, std::int64_t when) {
    instance.seen_ms = when;
    return instance;
  };
  EXPECT_TRUE(table.load("a", seen(at(2), noon - 1), 9, noon));
  EXPECT_TRUE(table.load("b", seen(at(2), noon - 2), 9, noon));
  EXPECT_TRUE(table.load("c", seen(at(2), noon - 3), 9, noon));
  EXPECT_FALSE(table.load("d", seen(at(2), noon - 4), 9, noon));
  EXPECT_EQ(table.find("a", noon)->place, 1);
  table.learn("e", at(1), noon + 1);  // the oldest, c, leaves
  EXPECT_TRUE(table.find("b", noon + 1));
  EXPECT_FALSE(table.find("c", noon + 1));
}

TEST(Loading, a_time_from_a_clock_that_was_ahead_is_not_believed) {
  InstanceTable table{room_for(3), {}};
  Instance ahead = at(1);
  ahead.seen_ms = noon + 1000 * day;
  table.load("a", ahead, 9, noon);
  EXPECT_FALSE(table.find("a", noon + day));
}

TEST(Names, numbers_stay_and_the_table_is_bounded) {
  ledger::NameTable names;
  const auto first = names.number_of("primary");
  EXPECT_EQ(names.number_of("primary"), first);
  EXPECT_EQ(names.name_of(first), "primary");
  EXPECT_EQ(names.number_of(""), ledger::NameTable::none);
  EXPECT_EQ(names.number_of(std::string(257, 'x')), ledger::NameTable::none);
  EXPECT_EQ(names.name_of(ledger::NameTable::none), "");
  for (std::size_t i = 1; i < ledger::NameTable::most_names; ++i)
    EXPECT_NE(names.number_of("n" + std::to_string(i)), ledger::NameTable::none);
  EXPECT_EQ(names.number_of("one too many"), ledger::NameTable::none);
  EXPECT_EQ(names.name_of(first), "primary");
}

}  // namespace
