// Several processes on one ledger: whose entries are whose, kill -9, and commands beside them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ledger/ledger_file.hpp"
#include "ledger/sqlite.hpp"
#include "ledger/sqlite_store.hpp"
#include "tests/support/ledger_folder.hpp"

namespace {

using ledger::Group;
using ledger::LedgerFile;
using ledger::NameTable;
using ledger::OperatorAction;
using ledger::SqliteStore;
using ledger::StartEntry;
using ledger::StartWrite;
using ledger::StoreError;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Writes `count` open starts as one group.
void write(SqliteStore& store, NameTable& places, std::uint64_t first, std::uint64_t count = 1) {
  std::vector<StartEntry> entries(count);
  std::vector<StartWrite> writes;
  for (std::uint64_t i = 0; i < count; ++i) {
    entries[i].number = first + i;
    entries[i].id = "id" + std::to_string(first + i);
    entries[i].attempts.resize(1);
    writes.push_back({first + i, &entries[i], true, false});
  }
  store.write(Group{{}, writes, {}, true}, places);
}

std::vector<std::uint64_t> take_over(SqliteStore& store, NameTable& places) {
  std::vector<std::uint64_t> numbers;
  store.take_over_starts(places, [&](StartEntry&& entry) { numbers.push_back(entry.number); });
  return numbers;
}

// Another process with a store; it ends when it is killed.
class Process {
 public:
  explicit Process(const std::function<void(int to_parent)>& work) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error{"no pipe"};
    child_ = fork();
    if (child_ == 0) {
      work(ends[1]);
      for (;;) pause();
    }
    close(ends[1]);
    from_child_ = ends[0];
  }
  ~Process() {
    kill_it();
    close(from_child_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  std::uint64_t next_word() const {
    std::uint64_t word = 0;
    return read(from_child_, &word, sizeof word) == sizeof word ? word : 0;
  }
  void kill_it() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    child_ = -1;
  }

 private:
  pid_t child_ = -1;
  int from_child_ = -1;
};

void say(int to_parent, std::uint64_t word) {
  if (::write(to_parent, &word, sizeof word) != sizeof word) _exit(1);
}

std::size_t lock_files(const support::LedgerFolder& folder) {
  std::size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator{folder.folder()})
    if (file.path().string().find(".owner-") != std::string::npos) ++files;
  return files;
}

TEST(StoreOwners, entries_of_a_living_process_are_left_to_it_and_taken_over_when_it_is_killed) {
  const support::LedgerFolder folder;
  NameTable places;
  Process other{[&](int to_parent) {
    SqliteStore store{folder.path()};
    store.open();
    write(store, places, 10, 3);
    say(to_parent, 1);
    pause();
  }};
  ASSERT_EQ(other.next_word(), 1u);
  SqliteStore store{folder.path()};
  store.open();
  write(store, places, 1);
  EXPECT_THAT(take_over(store, places), IsEmpty());
  EXPECT_EQ(lock_files(folder), 2u);
  EXPECT_TRUE(ledger::ledger_is_in_use(folder.path()));
  other.kill_it();
  EXPECT_THAT(take_over(store, places), ElementsAre(10, 11, 12));
  EXPECT_THAT(take_over(store, places), IsEmpty());
  EXPECT_EQ(lock_files(folder), 1u);
}

TEST(StoreOwners, two_that_take_over_at_once_share_what_is_left_without_overlap) {
  const support::LedgerFolder folder;
  NameTable places;
  for (std::uint64_t i = 0; i < 20; ++i) {
    SqliteStore gone{folder.path()};
    gone.open();
    write(gone, places, i * 10 + 1, 10);
  }
  const auto taker = [&](int to_parent) {
    SqliteStore store{folder.path()};
    store.open();
    for (const std::uint64_t number : take_over(store, places)) say(to_parent, number);
    say(to_parent, 1'000'000);
    pause();
  };
  const Process one{taker};
  const Process two{taker};
  std::vector<std::uint64_t> numbers;
  for (const Process* process : {&one, &two})
    for (std::uint64_t word = process->next_word(); word != 0 && word != 1'000'000;
         word = process->next_word())
      numbers.push_back(word);
  std::sort(numbers.begin(), numbers.end());
  ASSERT_EQ(numbers.size(), 200u);
  EXPECT_EQ(std::adjacent_find(numbers.begin(), numbers.end()), numbers.end());
}

TEST(StoreOwners, kill_9_between_and_within_groups_leaves_whole_groups) {
  const support::LedgerFolder folder;
  NameTable places;
  std::size_t before = 0;
  for (std::uint64_t round = 0; round < 8; ++round) {
    constexpr std::uint64_t per_group = 7;
    const std::uint64_t base = round * 1'000'000 + 1;
    Process other{[&](int to_parent) {
      SqliteStore store{folder.path()};
      store.open();
      for (std::uint64_t group = 0;; ++group) {
        write(store, places, base + group * per_group, per_group);
        say(to_parent, group + 1);
        store.maintain();
      }
    }};
    std::uint64_t groups = 0;
    while (groups < 5 + round * 13) {
      groups = other.next_word();
      ASSERT_NE(groups, 0u);
    }
    other.kill_it();
    SqliteStore store{folder.path()};
    store.open();
    const auto numbers = take_over(store, places);
    std::size_t of_round = 0;
    for (const std::uint64_t number : numbers) of_round += number >= base ? 1 : 0;
    EXPECT_GE(of_round, groups * per_group);
    EXPECT_EQ(of_round % per_group, 0u);
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
    EXPECT_EQ(numbers.size(), of_round + before);  // and those of all earlier rounds
    before = numbers.size();
  }
}

TEST(StoreOwners, a_lock_file_that_was_removed_is_noticed_by_its_process) {
  const support::LedgerFolder folder;
  NameTable places;
  SqliteStore store{folder.path()};
  store.open();
  write(store, places, 1);
  for (const auto& file : std::filesystem::directory_iterator{folder.folder()})
    if (file.path().string().find(".owner-") != std::string::npos)
      std::filesystem::remove(file.path());
  EXPECT_THROW(write(store, places, 2), StoreError);
  store.open();
  write(store, places, 2);
  SqliteStore other{folder.path()};
  other.open();
  EXPECT_THAT(take_over(other, places), IsEmpty());
}

TEST(LedgerFiles, are_read_beside_a_running_proxy_without_taking_anything) {
  const support::LedgerFolder folder;
  NameTable places;
  SqliteStore store{folder.path()};
  store.open();
  write(store, places, 1, 3);
  LedgerFile file{folder.path()};
  std::vector<std::uint64_t> numbers;
  file.read_starts(LedgerFile::Which::of_interest, places,
                   [&](StartEntry&& entry) { numbers.push_back(entry.number); });
  EXPECT_THAT(numbers, ElementsAre(1, 2, 3));
  write(store, places, 4);
  EXPECT_THAT(take_over(store, places), IsEmpty());
  EXPECT_TRUE(ledger::ledger_is_in_use(folder.path()));
}

TEST(LedgerFiles, keep_a_request_for_the_next_proxy_which_takes_it_once) {
  const support::LedgerFolder folder;
  NameTable places;
  {
    SqliteStore store{folder.path()};
    store.open();
    write(store, places, 1);
  }
  EXPECT_FALSE(ledger::ledger_is_in_use(folder.path()));
  const OperatorAction request{1234, "o'neill", "resubmit", "id1", 1};
  ledger::leave_request(folder.path(), request);
  EXPECT_THAT(LedgerFile{folder.path()}.requests(), ElementsAre(request));
  SqliteStore store{folder.path()};
  store.open();
  EXPECT_THAT(take_over(store, places), ElementsAre(1));
  EXPECT_THAT(store.take_requests(), ElementsAre(request));
  EXPECT_THAT(store.take_requests(), IsEmpty());
  LedgerFile file{folder.path()};
  EXPECT_THAT(file.requests(), IsEmpty());
  ASSERT_EQ(file.actions().size(), 1u);
  EXPECT_EQ(file.actions()[0].action, "taken up: resubmit");
}

std::string refusal(const std::string& path) {
  try {
    const LedgerFile file{path};
  } catch (const StoreError& error) {
    return error.what();
  }
  return "read";
}

TEST(LedgerFiles, that_cannot_be_used_are_refused_in_plain_words) {
  const support::LedgerFolder folder;
  EXPECT_THAT(refusal(folder.path()), HasSubstr("there is no ledger at"));
  EXPECT_FALSE(std::filesystem::exists(folder.path()));
  EXPECT_THAT(refusal(folder.folder()), HasSubstr("is not a file"));
  std::ofstream{folder.path()} << std::string(5000, 'x');
  EXPECT_THAT(refusal(folder.path()), HasSubstr("is not a ledger"));
  std::filesystem::remove(folder.path());
  {
    ledger::Database{folder.path()}.execute("CREATE TABLE songs (title)");
  }
  EXPECT_THAT(refusal(folder.path()), HasSubstr("another program"));
  std::filesystem::remove(folder.path());
  {
    SqliteStore{folder.path()}.open();
  }
  {
    ledger::Database{folder.path()}.execute("PRAGMA user_version = 3");
  }
  EXPECT_THAT(refusal(folder.path()), HasSubstr("newer version (schema 3"));
}

}  // namespace
