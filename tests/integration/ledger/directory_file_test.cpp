// The instance directory on a real file: restarts, kill -9, a full disk, files it must not touch.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

#include "ledger/instance_directory.hpp"
#include "ledger/sqlite.hpp"
#include "ledger/store.hpp"

namespace {

using ledger::DirectoryOptions;
using ledger::Instance;
using ledger::InstanceDirectory;
using ledger::LastStatus;
using ledger::StoreError;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr std::int64_t noon = 1'800'000'000'000;
constexpr std::int64_t day = 24LL * 3600 * 1000;

class DirectoryFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "directory-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ + "/state/ledger.db";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  DirectoryOptions options() const {
    DirectoryOptions options;
    options.path = path_;
    return options;
  }
  std::unique_ptr<InstanceDirectory> open(std::int64_t now = noon) const {
    return std::make_unique<InstanceDirectory>(options(), now);
  }
  // The text of the refusal.
  std::string refusal() const {
    try {
      open();
    } catch (const StoreError& error) {
      EXPECT_TRUE(error.refused);
      return error.what();
    }
    return "opened";
  }

  std::string folder_, path_;
};

Instance at(InstanceDirectory& directory, const std::string& endpoint,
            LastStatus status = LastStatus::running) {
  Instance instance;
  instance.place = directory.place_of(endpoint);
  instance.status = status;
  return instance;
}

std::string where(InstanceDirectory& directory, const std::string& key, std::int64_t now = noon) {
  const auto known = directory.find(key, now);
  return known ? directory.name_of(known->place) : "unknown";
}

bool eventually(const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    poll(nullptr, 0, 5);
  }
  return true;
}

int mode_of(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0 ? static_cast<int>(info.st_mode & 0777) : -1;
}

TEST_F(DirectoryFile, survives_a_restart_with_endpoints_in_another_order) {
  Instance fact;
  {
    const auto directory = open();
    directory->place_of("secondary");
    fact = at(*directory, "primary", LastStatus::suspended);
    fact.function = "Order";
    fact.created_ms = 100;
    fact.updated_ms = 200;
    fact.credential = directory->credential_of("a key");
    directory->learn("a", fact, noon);
    directory->learn("gone", fact, noon);
    directory->forget("gone");
    directory->place_if_absent("@e@1", fact.place, noon);
    directory->learn("moved", fact, noon);
    directory->learn("moved", at(*directory, "secondary"), noon + 1);
  }
  const auto directory = open(noon + 10);
  fact.place = directory->place_of("primary");
  fact.seen_ms = noon;
  EXPECT_EQ(directory->find("a", noon + 10), fact);
  EXPECT_EQ(directory->credential_of("a key"), fact.credential);
  EXPECT_EQ(where(*directory, "gone"), "unknown");
  EXPECT_EQ(where(*directory, "@e@1"), "unknown");
  EXPECT_EQ(where(*directory, "moved"), "secondary");
  EXPECT_EQ(directory->size(), 2u);
}

TEST_F(DirectoryFile, is_written_within_a_moment_while_running) {
  const auto directory = open();
  directory->learn("a", at(*directory, "primary"), noon);
  EXPECT_TRUE(eventually([&] { return directory->status().written == 1; }));
  EXPECT_TRUE(directory->status().on_disk);
  EXPECT_TRUE(directory->status().disk_ok);
}

TEST_F(DirectoryFile, nobody_else_can_read_it) {
  const mode_t mask = umask(0);
  const auto directory = open();
  directory->learn("a", at(*directory, "primary"), noon);
  EXPECT_TRUE(eventually([&] { return directory->status().written == 1; }));
  umask(mask);
  EXPECT_EQ(mode_of(folder_ + "/state"), 0700);
  int files = 0;
  for (const auto& file : std::filesystem::directory_iterator{folder_ + "/state"}) {
    EXPECT_EQ(mode_of(file.path()), 0600) << file.path();
    ++files;
  }
  EXPECT_EQ(files, 4);  // the file, its log, the log's index, and the lock
}

TEST_F(DirectoryFile, bodies_of_answers_and_credentials_never_reach_it) {
  const std::string secret = "a-secret-nobody-may-find";
  {
    const auto directory = open();
    Instance fact = at(*directory, "primary", LastStatus::completed);
    fact.credential = directory->credential_of(secret);
    directory->learn("a", fact, noon);
    directory->keep_final_answer("a", fact, "{\"output\":\"" + secret + "\"}");
    EXPECT_TRUE(directory->final_answer("a", noon));
    ASSERT_TRUE(eventually([&] { return directory->status().written == 1; }));
    for (const char* suffix : {"", "-wal"}) {
      std::ifstream file{path_ + suffix, std::ios::binary};
      const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
      EXPECT_EQ(bytes.find(secret), std::string::npos);
    }
  }
  EXPECT_FALSE(open()->final_answer("a", noon));
}

TEST_F(DirectoryFile, what_is_older_than_the_retention_is_neither_loaded_nor_kept) {
  {
    const auto directory = open();
    directory->learn("old", at(*directory, "primary"), noon);
    directory->learn("new", at(*directory, "primary"), noon + 20 * day);
  }
  {
    const auto directory = open(noon + 31 * day);
    EXPECT_EQ(directory->size(), 1u);
    EXPECT_EQ(where(*directory, "new", noon + 31 * day), "primary");
    EXPECT_TRUE(eventually([&] {
      ledger::Database file{path_};
      ledger::Statement count{file, "SELECT count(*) FROM instance"};
      return count.step() && count.number(0) == 1;
    }));
  }
}

TEST_F(DirectoryFile, a_smaller_bound_keeps_the_newest_in_memory_and_on_disk) {
  {
    const auto directory = open();
    for (int i = 0; i < 100; ++i)
      directory->learn("id" + std::to_string(i), at(*directory, "primary"), noon + i);
  }
  DirectoryOptions smaller = options();
  smaller.max_entries = 10;
  InstanceDirectory directory{smaller, noon + 200};
  EXPECT_EQ(directory.size(), 10u);
  EXPECT_EQ(where(directory, "id99"), "primary");
  EXPECT_EQ(where(directory, "id89"), "unknown");
  EXPECT_TRUE(eventually([&] {
    ledger::Database file{path_};
    ledger::Statement rows{file, "SELECT count(*), min(seen_ms) FROM instance"};
    return rows.step() && rows.number(0) == 10 && rows.number(1) == noon + 90;
  }));
}

TEST_F(DirectoryFile, kill_9_at_any_moment_leaves_every_committed_change) {
  for (int round = 0; round < 5; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const auto directory = open(noon + round);
      for (std::uint64_t i = 0;; ++i) {
        directory->learn(std::to_string(round) + "-" + std::to_string(i), at(*directory, "primary"),
                         noon + round);
        if (i % 64 != 0) continue;
        const std::uint64_t written = directory->status().written;
        if (write(ends[1], &written, sizeof written) != sizeof written) _exit(1);
      }
    }
    close(ends[1]);
    std::uint64_t written = 0;
    const std::uint64_t enough = 200 + static_cast<std::uint64_t>(round) * 1777;
    while (written < enough && read(ends[0], &written, sizeof written) == sizeof written) {
    }
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    close(ends[0]);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";
    ASSERT_GE(written, enough);
    const auto directory = open(noon + round);
    for (std::uint64_t i = 0; i < written; ++i)
      ASSERT_EQ(where(*directory, std::to_string(round) + "-" + std::to_string(i)), "primary")
          << "round " << round << ", change " << i << " of " << written;
  }
}

// Files of this process end at a limit, as on a full disk.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, SIG_IGN);
    const rlimit small{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(DirectoryFile, a_full_disk_is_reported_survived_and_made_up_for) {
  {
    const auto directory = open();
    const Instance fact = at(*directory, "primary");
    directory->learn("first", fact, noon);
    ASSERT_TRUE(eventually([&] { return directory->status().written == 1; }));
    {
      const SmallDisk full{256 << 10};
      for (int i = 0; i < 20'000; ++i) directory->learn("id" + std::to_string(i), fact, noon);
      ASSERT_TRUE(eventually([&] { return !directory->status().disk_ok; }));
      EXPECT_THAT(directory->status().disk_message, HasSubstr(path_));
      EXPECT_EQ(where(*directory, "id19999"), "primary");
      directory->learn("later", fact, noon);
    }
    EXPECT_TRUE(eventually([&] {
      const auto status = directory->status();
      return status.disk_ok && status.written >= 20'002;
    }));
    EXPECT_EQ(directory->status().disk_message, "");
  }
  EXPECT_EQ(open()->size(), 20'002u);
}

TEST_F(DirectoryFile, more_changes_than_the_queue_holds_reach_the_disk_in_the_end) {
  constexpr int changes = 200'000;
  {
    const SmallDisk full{64 << 10};
    const auto directory = open();
    const Instance fact = at(*directory, "primary");
    for (int i = 0; i < changes; ++i) directory->learn("id" + std::to_string(i), fact, noon);
    EXPECT_TRUE(eventually([&] { return directory->status().dropped_writes > 0; }));
    rlimit none{};
    getrlimit(RLIMIT_FSIZE, &none);
    none.rlim_cur = none.rlim_max;
    setrlimit(RLIMIT_FSIZE, &none);
    EXPECT_TRUE(eventually([&] { return directory->status().written >= changes; }));
  }
  EXPECT_EQ(open()->size(), static_cast<std::size_t>(changes));
}

TEST_F(DirectoryFile, a_folder_that_cannot_be_made_is_no_reason_not_to_start) {
  {
    const auto directory = open();
    directory->learn("earlier", at(*directory, "primary"), noon);
  }
  std::filesystem::rename(folder_ + "/state", folder_ + "/away");
  std::ofstream{folder_ + "/state"} << "not a folder";
  {
    const auto directory = open(noon + 1);
    EXPECT_FALSE(directory->status().disk_ok);
    EXPECT_THAT(directory->status().disk_message, HasSubstr(folder_));
    directory->learn("a", at(*directory, "secondary"), noon + 1);
    EXPECT_EQ(where(*directory, "a"), "secondary");
    EXPECT_EQ(where(*directory, "earlier"), "unknown");
    std::filesystem::remove(folder_ + "/state");
    std::filesystem::rename(folder_ + "/away", folder_ + "/state");
    EXPECT_TRUE(eventually([&] { return where(*directory, "earlier") == "primary"; }));
    EXPECT_TRUE(directory->status().disk_ok);
  }
  const auto directory = open(noon + 2);
  EXPECT_EQ(where(*directory, "a"), "secondary");
  EXPECT_EQ(where(*directory, "earlier"), "primary");
}

TEST_F(DirectoryFile, credentials_of_a_file_that_turned_up_late_are_not_mixed_with_others) {
  {
    const auto directory = open();
    Instance fact = at(*directory, "primary");
    fact.credential = directory->credential_of("a key");
    directory->learn("a", fact, noon);
  }
  std::filesystem::rename(folder_ + "/state", folder_ + "/away");
  std::ofstream{folder_ + "/state"} << "not a folder";
  const auto directory = open(noon + 1);
  std::filesystem::remove(folder_ + "/state");
  std::filesystem::rename(folder_ + "/away", folder_ + "/state");
  ASSERT_TRUE(eventually([&] { return where(*directory, "a") == "primary"; }));
  EXPECT_EQ(directory->find("a", noon)->credential, 0u);
}

TEST_F(DirectoryFile, a_folder_without_write_permission_is_no_reason_not_to_start) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  std::filesystem::create_directory(folder_ + "/state");
  chmod((folder_ + "/state").c_str(), 0500);
  const auto directory = open();
  EXPECT_FALSE(directory->status().disk_ok);
  EXPECT_THAT(directory->status().disk_message, HasSubstr("Permission denied"));
  chmod((folder_ + "/state").c_str(), 0700);
  EXPECT_TRUE(eventually([&] { return directory->status().disk_ok; }));
}

TEST_F(DirectoryFile, two_proxies_share_it_while_one_takes_over_from_the_other) {
  const auto older = open();
  older->learn("a", at(*older, "primary"), noon);
  older->learn("b", at(*older, "primary"), noon);
  ASSERT_TRUE(eventually([&] { return older->status().written == 2; }));
  {
    const auto newer = open(noon + 10'000);
    EXPECT_EQ(where(*newer, "a"), "primary");
    newer->learn("a", at(*newer, "secondary"), noon + 10'000);
    for (int i = 0; i < 1000; ++i) {
      newer->learn("new" + std::to_string(i), at(*newer, "secondary"), noon + 1);
      older->learn("old" + std::to_string(i), at(*older, "primary"), noon + 1);
    }
    ASSERT_TRUE(eventually([&] { return newer->status().written == 1001; }));
    ASSERT_TRUE(eventually([&] { return older->status().written == 1002; }));
    EXPECT_TRUE(newer->status().disk_ok);
  }
  older->learn("c", at(*older, "primary"), noon + 2);
  ASSERT_TRUE(eventually([&] { return older->status().written == 1003; }));
  const auto last = open(noon + 20'000);
  EXPECT_EQ(where(*last, "a", noon + 20'000), "secondary");
  EXPECT_EQ(where(*last, "b", noon + 20'000), "primary");
  EXPECT_EQ(where(*last, "c", noon + 20'000), "primary");
  EXPECT_EQ(last->size(), 2003u);
}

TEST_F(DirectoryFile, a_file_that_was_deleted_is_missed_and_made_again) {
  const auto directory = open();
  directory->learn("a", at(*directory, "primary"), noon);
  ASSERT_TRUE(eventually([&] { return directory->status().written == 1; }));
  std::filesystem::remove_all(folder_ + "/state");
  directory->learn("b", at(*directory, "primary"), noon);
  ASSERT_TRUE(eventually([&] { return !directory->status().disk_ok; }));
  EXPECT_THAT(directory->status().disk_message, HasSubstr("removed or replaced"));
  ASSERT_TRUE(eventually([&] { return directory->status().disk_ok; }));
  EXPECT_EQ(where(*open(), "b"), "primary");
}

TEST_F(DirectoryFile, a_damaged_file_is_named_and_left_alone) {
  {
    open()->size();
  }
  std::ofstream{path_, std::ios::binary} << std::string(8192, 'x');
  const std::string text = refusal();
  EXPECT_THAT(text, HasSubstr("mv " + path_ + " " + path_ + ".damaged"));
  EXPECT_EQ(std::filesystem::file_size(path_), 8192u);
  std::filesystem::rename(path_, path_ + ".damaged");
  EXPECT_EQ(open()->size(), 0u);
}

TEST_F(DirectoryFile, damage_in_the_middle_is_found_when_it_is_loaded) {
  {
    const auto directory = open();
    for (int i = 0; i < 5000; ++i)
      directory->learn("id" + std::to_string(i), at(*directory, "primary"), noon);
  }
  const auto size = std::filesystem::file_size(path_);
  ASSERT_GT(size, 100'000u);
  {
    std::fstream file{path_, std::ios::binary | std::ios::in | std::ios::out};
    file.seekp(8192);
    file << std::string(size - 8192, '\xee');
  }
  EXPECT_THAT(refusal(), HasSubstr("is damaged"));
}

TEST_F(DirectoryFile, a_file_of_a_newer_version_is_refused) {
  {
    open()->size();
  }
  {
    ledger::Database{path_}.execute("PRAGMA user_version = 7");
  }
  const std::string text = refusal();
  EXPECT_THAT(text, HasSubstr("newer version (schema 7"));
  EXPECT_THAT(text, HasSubstr(path_));
}

TEST_F(DirectoryFile, another_program_s_database_is_refused) {
  std::filesystem::create_directory(folder_ + "/state");
  {
    ledger::Database{path_}.execute("CREATE TABLE songs (title)");
  }
  EXPECT_THAT(refusal(), HasSubstr("another program"));
}

TEST_F(DirectoryFile, rows_that_make_no_sense_are_survived) {
  {
    const auto directory = open();
    directory->learn("good", at(*directory, "primary"), noon);
  }
  {
    ledger::Database file{path_};
    file.execute(
        "INSERT INTO instance VALUES (1, 'odd', 'primary', 99, '', 'x', -1, 1799999999999, 0)");
    file.execute("INSERT INTO instance VALUES (2, 'nowhere', '', 2, '', 0, 0, 1799999999999, 0)");
    file.execute(
        "INSERT INTO instance VALUES (9e15, 'good', 'secondary', 2, '', 0, 0, 1799999999999, 0)");
  }
  const auto directory = open();
  EXPECT_EQ(directory->find("odd", noon)->status, LastStatus::unknown);
  EXPECT_EQ(where(*directory, "nowhere"), "unknown");
  EXPECT_EQ(where(*directory, "good"), "secondary");  // the later row
  directory->learn("good", at(*directory, "primary"), noon + 1);
  EXPECT_EQ(where(*directory, "good"), "primary");
}

}  // namespace
