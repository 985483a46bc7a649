// A process of the rehearsal's own. It dies with the rehearsal, also when that is killed: the
// kernel is told so (PR_SET_PDEATHSIG), in a process group of its own so that Ctrl-C comes to the
// rehearsal alone. What it prints goes to a file, an evidence of the run. Owned by the scene, on
// the one thread that started it (the death signal is bound to it).
#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace stage {

struct ChildOptions {
  ChildOptions() = default;

  std::string name;                // for messages
  std::vector<std::string> words;  // [0] is looked for in PATH when it has no slash
  std::vector<std::pair<std::string, std::string>> environment;  // added to our own
  std::string folder;                                            // to run in
  std::string log_file;                                          // appended to
};

class Child {
 public:
  Child(boost::asio::any_io_executor executor, ChildOptions options);
  ~Child();  // kills what still runs, its whole process group, and waits for it
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  std::string start();  // again after an end, too; "" or the problem
  // Waits for a line that holds `words` in what this start has printed, and answers with the rest
  // of that line in `rest`; "" or the problem: it ended, it takes too long (with its last lines).
  boost::asio::awaitable<std::string> wait_for(std::string words, std::chrono::milliseconds limit,
                                               std::string* rest);
  bool running();
  pid_t pid() const;

  void kill();    // SIGKILL to its group, and reaped
  void freeze();  // SIGSTOP to its group; returns when all of it has stopped
  void thaw();
  boost::asio::awaitable<void> end(std::chrono::milliseconds patience);  // SIGTERM, then SIGKILL

  std::string last_lines(int lines = 10) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A port that was free a moment ago; different for each call in this process.
std::uint16_t free_port();

}  // namespace stage
