#include "rehearsal/stage/process_group.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

extern char** environ;

namespace stage {

namespace {

constexpr int longest_stop_ms = 1'000;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    out = Descriptor{ends[0]};
    in = Descriptor{ends[1]};
  }
  Descriptor out, in;
};

// Why a child could not become its program, as it says it through a pipe.
struct Refusal {
  int error = 0;
  bool folder = false;
};

// All that the child needs, made before the fork: after it only calls that are safe in a process
// of which one thread is left.
struct Launch {
  std::string program;
  std::vector<std::string> texts;
  std::vector<char*> words, environment;
  std::string folder;
  int output = -1, refusal = -1;
  pid_t parent = ::getpid();
};

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  for (std::string_view rest = path ? path : "/usr/bin:/bin"; !rest.empty();) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    const std::string file = std::string{folder.empty() ? "." : folder} + "/" + name;
    std::error_code ignored;
    if (::access(file.c_str(), X_OK) == 0 && !std::filesystem::is_directory(file, ignored))
      return file;
  }
  return {};
}

void make_environment(Launch& launch, const ProcessGroup::Environment& added) {
  const auto is_added = [&added](std::string_view text) {
    const std::string_view name = text.substr(0, text.find('='));
    for (const auto& [key, value] : added)
      if (key == name) return true;
    return false;
  };
  for (char** one = environ; one && *one; ++one)
    if (!is_added(*one)) launch.environment.push_back(*one);
  launch.texts.reserve(added.size());  // pointers into it are kept
  for (const auto& [key, value] : added) {
    launch.texts.push_back(key + "=" + value);
    launch.environment.push_back(launch.texts.back().data());
  }
  launch.environment.push_back(nullptr);
}

void reset_signals() {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void close_on_exec_from(unsigned first) {
  if (::close_range(first, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  const long most = std::min(::sysconf(_SC_OPEN_MAX), 65'536L);
  for (int number = static_cast<int>(first); number < most; ++number)
    ::fcntl(number, F_SETFD, FD_CLOEXEC);
}

[[noreturn]] void refuse(const Launch& launch, bool folder) {
  const Refusal refusal{errno, folder};
  const ssize_t ignored = ::write(launch.refusal, &refusal, sizeof refusal);
  ::_exit(ignored == 0 ? 126 : 127);
}

[[noreturn]] void become(const Launch& launch) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != launch.parent) ::_exit(127);  // it ended before the kernel was told
  reset_signals();
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(launch.output, STDOUT_FILENO);
  ::dup2(launch.output, STDERR_FILENO);
  close_on_exec_from(3);
  if (!launch.folder.empty() && ::chdir(launch.folder.c_str()) != 0) refuse(launch, true);
  ::execve(launch.program.c_str(), launch.words.data(), launch.environment.data());
  refuse(launch, false);
}

// Waits for the end of whoever holds the other end of its pipe.
[[noreturn]] void guard(int pipe, pid_t group) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_NAME, "guard");
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  ::dup2(pipe, STDIN_FILENO);
  if (::close_range(1, ~0U, 0) != 0)
    for (int number = 1; number < 65'536; ++number) ::close(number);
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR) {
  }
  ::kill(-group, SIGKILL);
  ::_exit(0);
}

// The state of each process of a group: 'R', 'S', 'T'…
bool all_stopped(pid_t group) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc", error}) {
    const std::string name = entry.path().filename().string();
    if (name.empty() || name.front() < '0' || name.front() > '9') continue;
    std::ifstream file{entry.path() / "stat"};
    std::string text;
    std::getline(file, text);
    const std::size_t end = text.rfind(')');  // the name of the program may hold anything
    if (end == std::string::npos || end + 4 > text.size()) continue;
    const char state = text[end + 2];
    const char* rest = text.c_str() + end + 4;
    char* after = nullptr;
    std::strtol(rest, &after, 10);  // the parent
    if (std::strtol(after, nullptr, 10) != group) continue;
    if (std::string_view{"TtZX"}.find(state) == std::string_view::npos) return false;
  }
  return true;
}

void reap(pid_t pid, int* status) {
  while (::waitpid(pid, status, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

std::string error_text(int number) {
  return std::generic_category().message(number);
}

ProcessGroup::~ProcessGroup() {
  if (leader_ > 0) kill();
}

std::string ProcessGroup::start(const std::vector<std::string>& words, const Environment& added,
                                const std::string& folder, int output) {
  if (words.empty()) return "there is nothing to start";
  Launch launch;
  launch.program = find_program(words.front());
  if (launch.program.empty()) return words.front() + " is not in the PATH";
  // execve does not write to them.
  for (const std::string& word : words) launch.words.push_back(const_cast<char*>(word.c_str()));
  launch.words.push_back(nullptr);
  make_environment(launch, added);
  launch.folder = folder;
  launch.output = output;
  Pipe pipe;
  launch.refusal = pipe.in.get();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);

  const pid_t pid = pipe.in ? ::fork() : -1;
  if (pid < 0) return "cannot start a process: " + error_text(errno);
  if (pid == 0) become(launch);
  leader_ = pid;
  ::setpgid(pid, pid);  // as the child does: whoever comes first
  start_guard();
  pipe.in.reset();
  Refusal refusal;
  ssize_t count = 0;
  while ((count = ::read(pipe.out.get(), &refusal, sizeof refusal)) < 0 && errno == EINTR) {
  }
  if (count != static_cast<ssize_t>(sizeof refusal)) return {};
  kill();
  return (refusal.folder ? "cannot run in " + folder : "cannot start " + launch.program) + ": " +
         error_text(refusal.error);
}

void ProcessGroup::start_guard() {
  Pipe pipe;
  const pid_t group = leader_;
  const pid_t pid = pipe.in ? ::fork() : -1;
  if (pid == 0) guard(pipe.out.get(), group);
  guard_ = pid;
  guarded_ = std::move(pipe.in);
}

bool ProcessGroup::leader_has_ended() const {
  siginfo_t info{};
  const int done = ::waitid(P_PID, static_cast<id_t>(leader_), &info, WEXITED | WNOHANG | WNOWAIT);
  return done == 0 && info.si_pid == leader_;
}

void ProcessGroup::signal(int number) const {
  if (leader_ > 0) ::kill(-leader_, number);
}

void ProcessGroup::freeze() const {
  signal(SIGSTOP);
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(leader_), &info, WSTOPPED | WEXITED | WNOWAIT) < 0 &&
         errno == EINTR) {
  }
  for (int waited = 0; waited < longest_stop_ms && !all_stopped(leader_); ++waited)
    ::poll(nullptr, 0, 1);
}

int ProcessGroup::kill() {
  signal(SIGKILL);
  if (guard_ > 0) {  // before the group's number can become somebody else's
    ::kill(guard_, SIGKILL);
    reap(guard_, nullptr);
  }
  guarded_ = Descriptor{};
  guard_ = -1;
  int status = 0;
  reap(leader_, &status);
  while (::waitpid(-leader_, nullptr, 0) > 0 || errno == EINTR) {
  }
  leader_ = -1;
  return status;
}

}  // namespace stage
