// What the tests of the stage share: a folder of their own, a coroutine run to its end, and a look
// at processes from outside.
#pragma once

#include <signal.h>
#include <sys/wait.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "rehearsal/stage/pause.hpp"
#include "transport/spawn.hpp"

namespace stage_test {

class Folder {
 public:
  Folder() : path_{(std::filesystem::temp_directory_path() / "stage-XXXXXX").string()} {
    if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no temporary folder");
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline std::string text_of(const std::string& file) {
  std::ifstream in{file};
  return {std::istreambuf_iterator<char>{in}, {}};
}

template <class T>
boost::asio::awaitable<void> keep(boost::asio::awaitable<T> task, std::optional<T>* out) {
  out->emplace(co_await std::move(task));
}

template <class T>
T play(boost::asio::io_context& context, boost::asio::awaitable<T> task) {
  std::optional<T> out;
  context.restart();
  transport::spawn(context.get_executor(), "test", keep(std::move(task), &out));
  while (!out && context.run_one() > 0) {
  }
  return std::move(out).value();
}

inline boost::asio::awaitable<bool> done_after(boost::asio::awaitable<void> task) {
  co_await std::move(task);
  co_return true;
}

inline void play(boost::asio::io_context& context, boost::asio::awaitable<void> task) {
  play(context, done_after(std::move(task)));
}

inline boost::asio::awaitable<bool> until(std::function<bool()> met,
                                          std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  bool done = met();
  while (!done && std::chrono::steady_clock::now() < deadline) {
    co_await stage::pause(std::chrono::milliseconds{5});
    done = met();
  }
  co_return done;
}

// What a dead parent left is a child of the test: it is reaped here.
inline bool is_gone(pid_t pid) {
  ::waitpid(pid, nullptr, WNOHANG);
  return ::kill(pid, 0) != 0;
}

inline char state_of(pid_t pid) {  // 'S', 'T', 'Z'… or '-'
  const std::string text = text_of("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t end = text.rfind(')');
  return end == std::string::npos ? '-' : text.at(end + 2);
}

}  // namespace stage_test
