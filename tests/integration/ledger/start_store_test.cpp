// Starts in a real file: what is kept of them, what is not, and disks that refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ledger/ledger_file.hpp"
#include "ledger/sqlite.hpp"
#include "ledger/sqlite_store.hpp"
#include "tests/support/ledger_folder.hpp"

namespace {

using ledger::Attempt;
using ledger::AttemptState;
using ledger::Database;
using ledger::Group;
using ledger::InstanceWrite;
using ledger::LedgerFile;
using ledger::Listed;
using ledger::NameTable;
using ledger::OperatorAction;
using ledger::Settlement;
using ledger::SqliteStore;
using ledger::StartEntry;
using ledger::StartWrite;
using ledger::Statement;
using ledger::StoreError;
using ledger::WallTime;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr std::int64_t noon = 1'800'000'000'000;
constexpr std::int64_t day = 24LL * 3600 * 1000;
constexpr std::uint64_t unbounded = ~std::uint64_t{0} >> 1U;

WallTime at(std::int64_t ms) {
  return WallTime{std::chrono::milliseconds{ms}};
}

class Starts : public ::testing::Test {
 protected:
  Starts() { open(); }

  void open() {
    store.reset();
    store = std::make_unique<SqliteStore>(path);
    store->open();
  }
  StartEntry make(std::uint64_t number, std::string body = "{}") {
    StartEntry entry;
    entry.number = number;
    entry.id = "id" + std::to_string(number);
    entry.function = "Order";
    entry.body = std::make_shared<const std::string>(std::move(body));
    entry.arrived = entry.changed = at(noon);
    Attempt attempt;
    attempt.place = places.number_of("primary");
    attempt.begun = at(noon);
    entry.attempts = {attempt};
    return entry;
  }
  void write(const StartEntry& entry, bool is_new = true, bool drop_body = false) {
    const StartWrite write{entry.number, &entry, is_new, drop_body};
    store->write(Group{{}, {&write, 1}, {}, true}, places);
  }
  void write_all(const std::vector<StartEntry>& entries) {
    std::vector<StartWrite> writes;
    for (const StartEntry& entry : entries) writes.push_back({entry.number, &entry, true, false});
    store->write(Group{{}, writes, {}, false}, places);
  }
  void settle(StartEntry& entry, std::int64_t changed, bool drop_body = true) {
    entry.settlement = Settlement::ran;
    entry.changed = at(changed);
    write(entry, false, drop_body);
  }
  // What the next process gets.
  std::vector<StartEntry> restart() {
    open();
    std::vector<StartEntry> entries;
    store->take_over_starts(places, [&](StartEntry&& entry) { entries.push_back(entry); });
    return entries;
  }
  std::int64_t count(const std::string& table) const {
    Database file{path};
    Statement rows{file, "SELECT count(*) FROM " + table};
    return rows.step() ? rows.number(0) : -1;
  }
  std::string trouble(const StartEntry& entry) {
    try {
      write(entry);
    } catch (const StoreError& error) {
      EXPECT_FALSE(error.refused);
      return error.what();
    }
    return "written";
  }

  support::LedgerFolder folder;
  std::string path = folder.path();
  NameTable places;
  std::unique_ptr<SqliteStore> store;
};

void expect_same(const StartEntry& read, const StartEntry& written) {
  StartEntry a = read;
  StartEntry b = written;
  ASSERT_EQ(a.body != nullptr, b.body != nullptr);
  ASSERT_EQ(a.answer != nullptr, b.answer != nullptr);
  if (a.body) {
    EXPECT_EQ(*a.body, *b.body);
  }
  if (a.answer) {
    EXPECT_EQ(*a.answer, *b.answer);
  }
  a.body = b.body = nullptr;
  a.answer = b.answer = nullptr;
  b.watch = {};
  for (Attempt& attempt : b.attempts) attempt.watch = {};
  EXPECT_TRUE(a == b);
}

// Every member with a value that is not its default, texts as bad as they come.
StartEntry strange_entry(NameTable& places) {
  const std::string nasty{"it's \"quoted\"; DROP TABLE start; --\0\xff\xc3( \n", 40};
  StartEntry entry;
  entry.number = 0x1234'5678'9abc'def0;
  entry.id = nasty + "id";
  entry.origin = ledger::IdOrigin::client;
  entry.via = config::StartVia::as_is;
  entry.function = nasty + "function";
  entry.content_type = nasty + "type";
  entry.body = std::make_shared<const std::string>(nasty + "body");
  for (std::size_t i = 0; i < entry.body_hash.size(); ++i)
    entry.body_hash[i] = static_cast<std::uint8_t>(i * 8);
  entry.key_scope = nasty + "scope";
  entry.arrived = at(noon + 1);
  entry.extra_wait = 1234ms;
  entry.may_use_keys = entry.held = true;
  entry.credential = 0xfedc'ba98'7654'3210;
  entry.id_seen_before = false;
  entry.earlier_created = at(-5);
  entry.earlier_place = places.number_of("elsewhere");
  Attempt attempt;
  for (int i = 0; i < 3; ++i) {
    attempt.place = places.number_of("endpoint'" + std::to_string(i));
    attempt.begun = at(noon + 10 + i);
    attempt.state = static_cast<AttemptState>(i + 1);
    attempt.end = static_cast<ledger::ConnectionEnd>(i);
    attempt.status = 500 + i;
    attempt.said_exists = i == 1;
    attempt.weak = i == 2;
    entry.attempts.push_back(attempt);
  }
  entry.told = ledger::Told::not_run;
  entry.listed = Listed::lost;
  entry.possible_duplicate = entry.duplicate_found = entry.resubmitted = entry.clock_doubt = true;
  entry.terminate = ledger::Terminate::done;
  entry.ran_at = places.number_of("primary");
  entry.ran_created = at(noon + 99);
  entry.changed = at(noon + 100);
  entry.answer = std::make_shared<const ledger::StoredAnswer>(
      ledger::StoredAnswer{404, nasty + "type", nasty + "answer"});
  return entry;
}

TEST_F(Starts, come_back_with_every_member_after_a_restart) {
  const StartEntry entry = strange_entry(places);
  StartEntry watched = entry;
  watched.watch.waiting = 3;  // not evidence after a restart
  watched.attempts[0].watch.gone = true;
  write(watched);
  const auto entries = restart();
  ASSERT_EQ(entries.size(), 1u);
  expect_same(entries[0], entry);
  EXPECT_EQ(store->highest_start(), entry.number);
}

TEST_F(Starts, a_change_keeps_what_was_asked_and_brings_the_rest) {
  const StartEntry wanted = strange_entry(places);
  StartEntry entry = make(wanted.number);
  entry.id = wanted.id;
  entry.origin = wanted.origin;
  entry.via = wanted.via;
  entry.function = wanted.function;
  entry.content_type = wanted.content_type;
  entry.body = wanted.body;
  entry.body_hash = wanted.body_hash;
  entry.key_scope = wanted.key_scope;
  entry.arrived = wanted.arrived;
  entry.extra_wait = wanted.extra_wait;
  entry.may_use_keys = entry.held = true;
  entry.credential = wanted.credential;
  write(entry);
  write(wanted, false);
  const auto entries = restart();
  ASSERT_EQ(entries.size(), 1u);
  expect_same(entries[0], wanted);
}

TEST_F(Starts, a_settled_one_is_found_by_its_key_but_given_to_nobody) {
  StartEntry entry = make(1);
  entry.key_scope = "scope";
  write(entry);
  entry.answer = std::make_shared<const ledger::StoredAnswer>(
      ledger::StoredAnswer{202, "application/json", "{\"id\":\"id1\"}"});
  settle(entry, noon + 1);
  EXPECT_THAT(restart(), IsEmpty());
  const auto found = store->find_start_by_key("scope", places);
  ASSERT_TRUE(found);
  entry.body = nullptr;
  expect_same(*found, entry);
  EXPECT_FALSE(store->find_start_by_key("scop", places));
  EXPECT_FALSE(store->find_start_by_key("", places));
}

TEST_F(Starts, the_newest_of_a_key_counts) {
  for (const std::uint64_t number : {3u, 5u, 4u}) {
    StartEntry entry = make(number);
    entry.key_scope = "scope";
    write(entry);
  }
  EXPECT_EQ(store->find_start_by_key("scope", places)->number, 5u);
}

TEST_F(Starts, what_somebody_must_see_is_handed_on_although_it_is_settled) {
  std::vector<StartEntry> all;
  for (std::uint64_t number = 1; number <= 5; ++number) {
    all.push_back(make(number));
    if (number > 1) all.back().settlement = Settlement::ran;
  }
  all[1].listed = Listed::late_refusal;
  all[2].possible_duplicate = true;
  all[3].terminate = ledger::Terminate::wanted;
  write_all(all);
  std::vector<std::uint64_t> numbers;
  for (const StartEntry& entry : restart()) {
    numbers.push_back(entry.number);
    EXPECT_EQ(entry.body != nullptr, entry.number == 1) << entry.number;
  }
  EXPECT_THAT(numbers, ElementsAre(1, 2, 3, 4));
  ASSERT_TRUE(store->body_of(2));
  EXPECT_EQ(*store->body_of(2), "{}");
  EXPECT_FALSE(store->body_of(99));
}

TEST_F(Starts, a_removed_one_leaves_nothing) {
  const StartEntry entry = strange_entry(places);
  write(entry);
  const StartWrite gone{entry.number, nullptr, false, false};
  store->write(Group{{}, {&gone, 1}, {}, false}, places);
  for (const char* table : {"start", "attempt", "body", "answer"}) EXPECT_EQ(count(table), 0);
}

TEST_F(Starts, bodies_that_may_not_be_kept_are_not) {
  StartEntry entry = make(1, "a-body-nobody-may-find");
  entry.body_kept = false;
  write(entry);
  EXPECT_EQ(folder.bytes().find("a-body-nobody"), std::string::npos);
  EXPECT_FALSE(restart().at(0).body);
}

TEST_F(Starts, dropped_bodies_are_in_no_file_any_more) {
  const std::string secret = "a-body-nobody-may-find";
  std::vector<StartEntry> entries;
  for (std::uint64_t number = 1; number <= 600; ++number) {
    std::string body = secret;
    body.append(number % 7 == 0 ? 20'000 : number % 5 * 200, 'x');
    entries.push_back(make(number, body + secret));
  }
  write_all(entries);
  EXPECT_NE(folder.bytes().find(secret), std::string::npos);
  // In an order that makes SQLite move what is left around.
  for (std::uint64_t step = 0; step < 3; ++step)
    for (std::size_t i = step; i < entries.size(); i += 3) settle(entries[i], noon + 1);
  EXPECT_EQ(count("body"), 0);
  for (int i = 0; i < 1000 && folder.bytes().find(secret) != std::string::npos; ++i) {
    store->trim_starts(0, 0, unbounded);
    poll(nullptr, 0, 5);
  }
  EXPECT_EQ(folder.bytes().find(secret), std::string::npos);
}

TEST_F(Starts, a_group_is_written_whole_or_not_at_all) {
  write(make(7));
  const StartEntry good = make(1);
  const StartEntry taken = make(7);
  const std::vector<StartWrite> writes{{1, &good, true, false}, {7, &taken, true, false}};
  const OperatorAction action{noon, "somebody", "forget", "text", 3};
  const InstanceWrite instance{"key", "primary", ledger::Instance{}, {5, 0}};
  EXPECT_THROW(store->write(Group{{&instance, 1}, writes, {&action, 1}, true}, places), StoreError);
  EXPECT_EQ(count("start"), 1);
  EXPECT_EQ(count("attempt"), 1);
  EXPECT_EQ(count("action"), 0);
  EXPECT_EQ(count("instance"), 0);
  store->open();
  const std::vector<StartWrite> first{{1, &good, true, false}};
  store->write(Group{{&instance, 1}, first, {&action, 1}, true}, places);
  EXPECT_EQ(count("start"), 2);
  EXPECT_EQ(count("action"), 1);
  EXPECT_EQ(count("instance"), 1);
}

TEST_F(Starts, a_full_disk_writes_nothing_and_works_again_with_room) {
  write(make(1));
  {
    const support::SmallDisk full{200 << 10};
    EXPECT_THAT(trouble(make(2, std::string(1 << 20, 'x'))), HasSubstr("cannot use " + path));
    EXPECT_THAT(trouble(make(2)), HasSubstr("not open"));
    store->open();
    EXPECT_EQ(trouble(make(3)), "written");  // a small one fits
  }
  EXPECT_EQ(trouble(make(4, std::string(1 << 20, 'x'))), "written");
  std::vector<std::uint64_t> numbers;
  for (const StartEntry& entry : restart()) numbers.push_back(entry.number);
  EXPECT_THAT(numbers, ElementsAre(1, 3, 4));
}

TEST_F(Starts, a_file_that_was_removed_is_missed_before_anything_is_promised) {
  write(make(1));
  std::filesystem::remove(path);
  EXPECT_THAT(trouble(make(2)), HasSubstr("removed or replaced"));
  store->open();
  // What the process still knows comes back with its next change.
  StartEntry first = make(1);
  first.told = ledger::Told::unconfirmed;
  write(first, false);
  const auto entries = restart();
  ASSERT_EQ(entries.size(), 1u);
  expect_same(entries[0], first);
}

TEST_F(Starts, a_file_that_may_not_be_written_is_an_error_and_not_a_surprise) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  store.reset();
  chmod(folder.folder().c_str(), 0500);
  EXPECT_THROW(open(), StoreError);
  chmod(folder.folder().c_str(), 0700);
  open();
  EXPECT_EQ(trouble(make(1)), "written");
}

TEST_F(Starts, a_file_of_the_first_version_keeps_its_instances_and_gets_the_tables) {
  store.reset();
  std::filesystem::remove(path);
  {
    Database file{path};
    file.execute(
        "CREATE TABLE secret (name TEXT PRIMARY KEY, high INTEGER NOT NULL, low INTEGER NOT NULL)"
        " WITHOUT ROWID;"
        "CREATE TABLE instance (row INTEGER PRIMARY KEY, key TEXT NOT NULL, endpoint TEXT NOT NULL,"
        " status INTEGER NOT NULL, function TEXT NOT NULL, created_ms INTEGER NOT NULL,"
        " updated_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL, credential INTEGER NOT NULL);"
        "INSERT INTO secret VALUES ('credential', 12, 34);"
        "INSERT INTO instance VALUES (9, 'key', 'primary', 2, 'Order', 1, 2, 3, 4);"
        "PRAGMA user_version = 1; PRAGMA application_id = 1431520345");
  }
  open();
  EXPECT_EQ(store->credential_key({1, 2}), (ledger::HashKey{12, 34}));
  std::vector<std::string> keys;
  store->load_instances(10, 0, [&](const auto& stored) { keys.push_back(stored.key); });
  EXPECT_THAT(keys, ElementsAre("key"));
  EXPECT_EQ(trouble(make(1)), "written");
  EXPECT_EQ(restart().size(), 1u);
}

TEST_F(Starts, numbers_that_make_no_sense_are_read_as_the_careful_thing) {
  write(make(1));
  {
    Database file{path};
    file.execute("UPDATE start SET settlement = 77, told = -1, listed = 200, via = 9, origin = 9");
    file.execute("UPDATE attempt SET state = 44, ended = 9");
  }
  const auto entries = restart();
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].settlement, Settlement::open);
  EXPECT_EQ(entries[0].via, config::StartVia::as_is);
  EXPECT_EQ(entries[0].attempts.at(0).state, AttemptState::unknown);
}

TEST_F(Starts, retention_removes_settled_ones_and_no_others) {
  std::vector<StartEntry> entries;
  for (std::uint64_t number = 1; number <= 2500; ++number) {
    entries.push_back(make(number));
    if (number % 5 != 0) entries.back().settlement = Settlement::ran;
    entries.back().changed = at(number <= 2000 ? noon : noon + 8 * day);
  }
  write_all(entries);
  EXPECT_TRUE(store->trim_starts(noon + day, 0, unbounded));  // in portions
  while (store->trim_starts(noon + day, 0, unbounded)) {
  }
  EXPECT_EQ(count("start"), 500 + 400);
  EXPECT_EQ(count("body"), 500 + 400);
  EXPECT_EQ(count("attempt"), 500 + 400);
}

TEST_F(Starts, bodies_of_settled_ones_go_earlier_unless_somebody_may_resubmit_them) {
  std::vector<StartEntry> entries;
  for (std::uint64_t number = 1; number <= 4; ++number) {
    entries.push_back(make(number));
    if (number > 1) entries.back().settlement = Settlement::ran;
  }
  entries[2].listed = Listed::lost;
  entries[3].changed = at(noon + 100);
  write_all(entries);
  EXPECT_FALSE(store->trim_starts(0, noon + 50, unbounded));
  EXPECT_TRUE(store->body_of(1));
  EXPECT_FALSE(store->body_of(2));
  EXPECT_TRUE(store->body_of(3));
  EXPECT_TRUE(store->body_of(4));
  EXPECT_EQ(count("start"), 4);
}

TEST_F(Starts, a_file_above_its_bound_loses_the_oldest_that_nobody_waits_for) {
  std::vector<StartEntry> entries;
  for (std::uint64_t number = 1; number <= 3000; ++number) {
    entries.push_back(make(number, std::string(1000, 'x')));
    entries.back().changed = at(noon + static_cast<std::int64_t>(number));
    if (number > 10) entries.back().settlement = Settlement::ran;
    if (number > 10 && number <= 20) entries.back().listed = Listed::late_refusal;
  }
  write_all(entries);
  const std::uint64_t full = store->bytes_used();
  EXPECT_GT(full, 3000u * 1000);
  while (store->trim_starts(0, 0, full / 2)) {
  }
  EXPECT_LE(store->bytes_used(), full / 2);
  EXPECT_EQ(restart().size(), 20u);
  EXPECT_TRUE(store->body_of(3000));
  EXPECT_FALSE(store->body_of(21));
  while (store->trim_starts(0, 0, 1)) {  // cannot be met: it ends all the same
  }
  EXPECT_EQ(count("start"), 20);
}

TEST_F(Starts, those_that_ran_lately_are_given_out_page_by_page) {
  std::vector<StartEntry> entries;
  for (std::uint64_t number = 1; number <= 9; ++number) {
    entries.push_back(make(number));
    if (number != 5) entries.back().settlement = Settlement::ran;
    entries.back().changed = at(noon + static_cast<std::int64_t>(number));
  }
  write_all(entries);
  std::vector<std::uint64_t> numbers;
  std::uint64_t behind = 0;
  for (;;) {
    const auto page = store->starts_ran_since(noon + 3, behind, 2, places);
    if (page.empty()) break;
    EXPECT_LE(page.size(), 2u);
    for (const StartEntry& entry : page) {
      EXPECT_FALSE(entry.body);
      numbers.push_back(entry.number);
    }
    behind = page.back().number;
  }
  EXPECT_THAT(numbers, ElementsAre(3, 4, 6, 7, 8, 9));
}

TEST_F(Starts, a_hundred_thousand_come_back_in_order) {
  constexpr std::uint64_t many = 100'000;
  std::vector<StartEntry> entries;
  for (std::uint64_t number = 1; number <= many; ++number) entries.push_back(make(number));
  write_all(entries);
  entries.clear();
  store->maintain();
  open();
  std::uint64_t next = 1;
  store->take_over_starts(places, [&](StartEntry&& entry) {
    if (entry.number == next && entry.attempts.size() == 1 && entry.body) ++next;
  });
  EXPECT_EQ(next, many + 1);
}

TEST_F(Starts, the_log_stays_short_under_steady_writing) {
  const auto log_size = [this] { return std::filesystem::file_size(path + "-wal"); };
  std::uint64_t number = 0;
  std::uintmax_t longest = 0;
  for (int group = 0; group < 400; ++group) {
    std::vector<StartEntry> entries;
    for (int i = 0; i < 8; ++i) entries.push_back(make(++number, std::string(60'000, 'x')));
    write_all(entries);
    store->maintain();
    longest = std::max(longest, log_size());
  }
  EXPECT_GT(number * 60'000, 180u << 20);
  EXPECT_LT(longest, 150u << 20);
}

TEST(StartsInMemory, need_no_file_and_survive_an_error) {
  NameTable places;
  SqliteStore store{std::string{SqliteStore::in_memory}};
  store.open();
  StartEntry entry;
  entry.number = 1;
  entry.key_scope = "scope";
  const StartWrite write{1, &entry, true, false};
  store.write(Group{{}, {&write, 1}, {}, true}, places);
  EXPECT_THROW(store.write(Group{{}, {&write, 1}, {}, true}, places), StoreError);  // taken
  store.open();
  EXPECT_TRUE(store.find_start_by_key("scope", places));
  store.take_over_starts(places, [](StartEntry&&) { FAIL() << "nobody else has any"; });
  store.maintain();
  EXPECT_FALSE(store.trim_starts(0, 0, unbounded));
  EXPECT_EQ(store.warning(), "");
  EXPECT_FALSE(std::filesystem::exists(":memory:"));
}

}  // namespace
