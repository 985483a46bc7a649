// Processes of a rehearsal: real ones, looked at from outside.
#include "rehearsal/stage/child.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <set>

#include "play.hpp"

namespace stage {
namespace {

using namespace std::chrono_literals;
using stage_test::Folder;
using stage_test::is_gone;
using stage_test::play;
using stage_test::state_of;
using stage_test::until;
using testing::HasSubstr;
using testing::Not;

struct ChildTest : testing::Test {
  std::unique_ptr<Child> shell(const std::string& script) {
    ChildOptions options;
    options.name = "part";
    options.words = {"sh", "-c", script};
    options.folder = folder.path();
    options.log_file = log();
    return std::make_unique<Child>(context.get_executor(), std::move(options));
  }
  std::string log() const { return folder.file("part.log"); }
  std::string wait_for(Child& child, const std::string& words,
                       std::chrono::milliseconds limit = 20s) {
    rest.clear();
    return play(context, child.wait_for(words, limit, &rest));
  }
  // A shell and what it has started, both of which go on for long.
  pid_t start_with_grandchild(Child& child) {
    EXPECT_EQ(child.start(), "");
    EXPECT_EQ(wait_for(child, "grandchild "), "");
    return std::stoi(rest);
  }

  boost::asio::io_context context;
  Folder folder;
  std::string rest;
};

constexpr const char* with_grandchild = "sleep 300 & echo grandchild $!; wait";

TEST_F(ChildTest, tells_what_it_prints_and_the_rest_of_the_line_that_was_waited_for) {
  const auto child = shell("echo starting; echo 'listening on 127.0.0.1:99'; exec sleep 300");
  ASSERT_EQ(child->start(), "");
  EXPECT_EQ(wait_for(*child, "listening on "), "");
  EXPECT_EQ(rest, "127.0.0.1:99");
  EXPECT_TRUE(child->running());
  EXPECT_EQ(child->last_lines(1), "listening on 127.0.0.1:99");
  EXPECT_EQ(child->last_lines(), "starting\nlistening on 127.0.0.1:99");
}

TEST_F(ChildTest, a_crash_at_its_start_is_told_with_its_last_words) {
  const auto child = shell("echo out; echo 'cannot open the door' >&2; exit 3");
  ASSERT_EQ(child->start(), "");
  const std::string problem = wait_for(*child, "listening on ");
  EXPECT_THAT(problem, HasSubstr("part ended at its start with exit code 3"));
  EXPECT_THAT(problem, HasSubstr("cannot open the door"));
  EXPECT_THAT(problem, HasSubstr(log()));
  EXPECT_FALSE(child->running());
}

TEST_F(ChildTest, one_that_is_never_ready_is_told_after_the_limit_and_goes_on) {
  const auto child = shell("printf 'half a line: listening on'; exec sleep 300");
  ASSERT_EQ(child->start(), "");
  const std::string problem = wait_for(*child, "listening on", 100ms);
  EXPECT_THAT(problem, HasSubstr("part was not ready after 100 ms"));
  EXPECT_TRUE(child->running());
}

TEST_F(ChildTest, what_cannot_be_started_is_told_at_once) {
  ChildOptions options;
  options.name = "part";
  options.log_file = log();
  options.words = {"no-such-program-anywhere"};
  EXPECT_THAT(Child(context.get_executor(), options).start(), HasSubstr("is not in the PATH"));
  options.words = {folder.path()};
  EXPECT_THAT(Child(context.get_executor(), options).start(), HasSubstr("Permission denied"));
  options.words = {"sh", "-c", "true"};
  options.folder = folder.file("nowhere");
  EXPECT_THAT(Child(context.get_executor(), options).start(), HasSubstr("cannot run in"));
  options.log_file = folder.file("nowhere/part.log");
  EXPECT_THAT(Child(context.get_executor(), options).start(), HasSubstr("cannot write"));
}

TEST_F(ChildTest, a_second_start_prints_after_the_first_and_only_the_second_is_waited_for) {
  const auto child = shell("echo run $$; exec sleep 300");
  ASSERT_EQ(child->start(), "");
  ASSERT_EQ(wait_for(*child, "run "), "");
  const std::string first = rest;
  EXPECT_THAT(child->start(), HasSubstr("is running already"));
  child->kill();
  EXPECT_FALSE(child->running());
  ASSERT_EQ(child->start(), "");
  ASSERT_EQ(wait_for(*child, "run "), "");
  EXPECT_NE(rest, first);
  EXPECT_THAT(stage_test::text_of(log()), HasSubstr("run " + first + "\nrun " + rest));
}

TEST_F(ChildTest, a_kill_takes_what_it_has_started_too) {
  const auto child = shell(with_grandchild);
  const pid_t grandchild = start_with_grandchild(*child);
  EXPECT_FALSE(is_gone(grandchild));
  child->kill();
  EXPECT_TRUE(is_gone(grandchild)) << "reaped when kill() returns";
}

TEST_F(ChildTest, what_a_crashed_one_leaves_behind_is_killed) {
  const auto child = shell("sleep 300 & echo grandchild $!; kill -9 $$");
  const pid_t grandchild = start_with_grandchild(*child);
  EXPECT_TRUE(play(context, until([&] { return !child->running(); }, 20s)));
  EXPECT_TRUE(is_gone(grandchild));
}

TEST_F(ChildTest, the_end_of_its_owner_is_its_end) {
  auto child = shell(with_grandchild);
  const pid_t grandchild = start_with_grandchild(*child);
  const pid_t pid = child->pid();
  child.reset();
  EXPECT_TRUE(is_gone(pid));
  EXPECT_TRUE(is_gone(grandchild));
}

TEST_F(ChildTest, all_of_it_stands_still_while_it_is_frozen) {
  const auto child = shell(with_grandchild);
  const pid_t grandchild = start_with_grandchild(*child);
  for (int i = 0; i < 3; ++i) {
    child->freeze();
    EXPECT_EQ(state_of(child->pid()), 'T');
    EXPECT_EQ(state_of(grandchild), 'T');
    EXPECT_TRUE(child->running());
    child->thaw();
    EXPECT_TRUE(play(context, until([&] { return state_of(grandchild) == 'S'; }, 20s)));
  }
  child->freeze();
  child->kill();
  EXPECT_TRUE(is_gone(grandchild));
}

TEST_F(ChildTest, an_end_is_asked_for_and_then_taken) {
  const auto polite =
      shell("trap 'echo good bye; exit 0' TERM; echo up; while :; do sleep 0.01; done");
  ASSERT_EQ(polite->start(), "");
  ASSERT_EQ(wait_for(*polite, "up"), "");
  play(context, polite->end(20s));
  EXPECT_FALSE(polite->running());
  EXPECT_EQ(polite->last_lines(1), "good bye");

  const auto deaf = shell("trap '' TERM; echo up; while :; do sleep 300; done");
  ASSERT_EQ(deaf->start(), "");
  ASSERT_EQ(wait_for(*deaf, "up"), "");
  play(context, deaf->end(50ms));
  EXPECT_FALSE(deaf->running());

  const auto frozen = shell("echo up; exec sleep 300");
  ASSERT_EQ(frozen->start(), "");
  ASSERT_EQ(wait_for(*frozen, "up"), "");
  frozen->freeze();
  play(context, frozen->end(20s));
  EXPECT_FALSE(frozen->running());
}

TEST_F(ChildTest, it_gets_nothing_of_ours_but_its_log_and_the_environment) {
  const int leak = ::open("/dev/null", O_RDONLY);  // without close-on-exec
  ASSERT_GE(leak, 3);
  ::signal(SIGUSR1, SIG_IGN);
  sigset_t blocked, before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR2);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  ::setenv("STAGE_TEST_OLD", "old", 1);
  ChildOptions options;
  options.name = "part";
  options.folder = folder.path();
  options.log_file = log();
  options.environment = {{"STAGE_TEST_OLD", "new"}, {"STAGE_TEST_MORE", "more"}};
  // A shell has descriptors and signals of its own now and then: the last word is another's.
  options.words = {"sh", "-c",
                   "pwd; echo $STAGE_TEST_OLD $STAGE_TEST_MORE; cat; readlink /proc/self/fd/0;"
                   "exec grep -E '^Sig(Ign|Blk)' /proc/self/status"};
  Child child{context.get_executor(), options};
  ASSERT_EQ(child.start(), "");
  EXPECT_TRUE(play(context, until([&] { return !child.running(); }, 20s)));
  options.words = {"ls", "/proc/self/fd"};
  Child lister{context.get_executor(), options};
  ASSERT_EQ(lister.start(), "");
  EXPECT_TRUE(play(context, until([&] { return !lister.running(); }, 20s)));
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::signal(SIGUSR1, SIG_DFL);
  ::close(leak);
  const std::string text = stage_test::text_of(log());
  EXPECT_THAT(text, HasSubstr(folder.path() + "\nnew more\n/dev/null\n"));
  EXPECT_THAT(text, HasSubstr("SigBlk:\t0000000000000000"));
  EXPECT_THAT(text, HasSubstr("SigIgn:\t0000000000000000"));
  EXPECT_THAT(lister.last_lines(), "0\n1\n2\n3") << "the last is the folder that it lists";
}

TEST_F(ChildTest, ctrl_c_in_the_terminal_is_not_for_it) {
  const auto child = shell("echo up; exec sleep 300");
  ASSERT_EQ(child->start(), "");
  ASSERT_EQ(wait_for(*child, "up"), "");
  EXPECT_EQ(::getpgid(child->pid()), child->pid());
  EXPECT_NE(::getpgrp(), child->pid());
}

// A rehearsal that is killed the hard way: a fork of this test plays it.
TEST_F(ChildTest, it_and_all_that_it_started_die_with_a_rehearsal_that_is_killed) {
  const pid_t rehearsal = ::fork();
  if (rehearsal == 0) {
    const auto child = shell("echo leader $$; " + std::string{with_grandchild});
    if (!child->start().empty()) ::_exit(1);
    for (;;) ::pause();
  }
  ASSERT_GT(rehearsal, 0);
  const auto number_after = [this](const std::string& word) {
    const std::string text = stage_test::text_of(log());
    const std::size_t found = text.find(word);
    return found == std::string::npos ? 0 : std::atoi(text.c_str() + found + word.size());
  };
  ASSERT_TRUE(play(context, until([&] { return number_after("grandchild ") > 0; }, 20s)));
  const pid_t leader = number_after("leader "), grandchild = number_after("grandchild ");
  EXPECT_FALSE(is_gone(grandchild));
  ::kill(rehearsal, SIGKILL);
  EXPECT_TRUE(play(context, until([&] { return is_gone(leader) && is_gone(grandchild); }, 20s)));
  // With the rehearsal its guard, which has done its work.
  EXPECT_TRUE(play(context, until([] { return ::waitpid(-1, nullptr, WNOHANG) < 0; }, 20s)));
}

TEST_F(ChildTest, a_chatty_one_is_followed_without_holding_all_of_it) {
  const auto child =
      shell("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo ready now; sleep 300");
  ASSERT_EQ(child->start(), "");
  EXPECT_EQ(wait_for(*child, "ready "), "");
  EXPECT_EQ(rest, "now");
  EXPECT_LE(child->last_lines().size(), 16U * 1024);
}

TEST(FreePort, is_never_given_twice_and_can_be_listened_on) {
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 200; ++i) {
    const std::uint16_t port = free_port();
    EXPECT_TRUE(ports.insert(port).second) << port;
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(socket);
  }
}

}  // namespace
}  // namespace stage
