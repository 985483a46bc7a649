#include "rehearsal/stage/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "rehearsal/stage/descriptor.hpp"
#include "rehearsal/stage/log_tail.hpp"
#include "rehearsal/stage/pause.hpp"
#include "rehearsal/stage/process_group.hpp"

namespace stage {

namespace asio = boost::asio;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

struct Child::Impl {
  explicit Impl(ChildOptions options_in) : options{std::move(options_in)} {}

  std::string start();
  bool has_ended();
  void finish();

  ChildOptions options;
  ProcessGroup group;
  off_t log_from = 0;    // what this start has printed begins here
  std::string last_end;  // "exit code 2"
};

std::string Child::Impl::start() {
  if (group.leader() > 0 && !has_ended()) return options.name + ": is running already";
  const Descriptor log{
      ::open(options.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
  if (!log) return options.name + ": cannot write " + options.log_file + ": " + error_text(errno);
  log_from = ::lseek(log.get(), 0, SEEK_END);
  last_end.clear();
  const std::string problem =
      group.start(options.words, options.environment, options.folder, log.get());
  return problem.empty() ? problem : options.name + ": " + problem;
}

bool Child::Impl::has_ended() {
  if (group.leader() <= 0) return true;
  if (!group.leader_has_ended()) return false;
  finish();
  return true;
}

void Child::Impl::finish() {
  const int status = group.kill();
  last_end = WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status)) + " (" +
                                       strsignal(WTERMSIG(status)) + ")"
                                 : "exit code " + std::to_string(WEXITSTATUS(status));
}

Child::Child(asio::any_io_executor, ChildOptions options)
    : impl_{std::make_unique<Impl>(std::move(options))} {}

Child::~Child() {
  kill();
}

std::string Child::start() {
  return impl_->start();
}

asio::awaitable<std::string> Child::wait_for(std::string words, std::chrono::milliseconds limit,
                                             std::string* rest) {
  const auto deadline = steady_clock::now() + limit;
  LogTail tail{impl_->options.log_file, impl_->log_from};
  std::string line;
  for (;;) {
    const bool ended = impl_->has_ended();  // asked first: what it printed before is all there
    const bool late = steady_clock::now() >= deadline;
    while (tail.next(line)) {
      const std::size_t found = line.find(words);
      if (found == std::string::npos) continue;
      if (rest) *rest = line.substr(found + words.size());
      co_return std::string{};
    }
    if (ended || late) {
      std::string problem = impl_->options.name;
      problem += ended ? " ended at its start with " + impl_->last_end
                       : " was not ready after " + std::to_string(limit.count()) + " ms";
      const std::string lines = last_lines();
      problem += lines.empty() ? "; it has printed nothing to " : "; see ";
      problem += impl_->options.log_file;
      if (!lines.empty()) problem += ", which ends with:\n" + lines;
      co_return problem;
    }
    co_await pause(5ms);
  }
}

bool Child::running() {
  return !impl_->has_ended();
}

pid_t Child::pid() const {
  return impl_->group.leader();
}

void Child::kill() {
  if (impl_->group.leader() > 0) impl_->finish();
}

void Child::freeze() {
  if (impl_->has_ended()) return;
  impl_->group.freeze();
}

void Child::thaw() {
  if (impl_->has_ended()) return;
  impl_->group.signal(SIGCONT);
}

asio::awaitable<void> Child::end(std::chrono::milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  if (impl_->has_ended()) co_return;
  impl_->group.signal(SIGTERM);
  impl_->group.signal(SIGCONT);  // a frozen one cannot hear
  while (!impl_->has_ended() && steady_clock::now() < deadline) co_await pause(5ms);
  kill();
}

std::string Child::last_lines(int lines) const {
  return tail_of(impl_->options.log_file, impl_->log_from, lines);
}

}  // namespace stage
