#include "rehearsal/stage/log_tail.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace stage {

namespace {

constexpr std::size_t longest_line = 64 * 1024;  // what is longer is cut into lines of this length
constexpr off_t longest_tail = 16 * 1024;

}  // namespace

LogTail::LogTail(const std::string& file, off_t from)
    : file_{::open(file.c_str(), O_RDONLY | O_CLOEXEC)}, at_{from} {}

bool LogTail::next(std::string& line) {
  std::array<char, 16 * 1024> buffer;
  for (;;) {
    const std::size_t end = read_.find('\n');
    if (end != std::string::npos || read_.size() >= longest_line) {
      line = read_.substr(0, end);
      read_.erase(0, end == std::string::npos ? end : end + 1);
      return true;
    }
    const ssize_t count =
        file_ ? ::pread(file_.get(), buffer.data(), buffer.size(), at_) : ssize_t{0};
    if (count <= 0) return false;
    read_.append(buffer.data(), static_cast<std::size_t>(count));
    at_ += count;
  }
}

std::string tail_of(const std::string& file, off_t from, int lines) {
  const Descriptor open{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  const off_t size = open ? ::lseek(open.get(), 0, SEEK_END) : 0;
  const off_t begin = std::max(from, size - longest_tail);
  if (size <= begin) return {};
  std::string text(static_cast<std::size_t>(size - begin), '\0');
  const ssize_t count = ::pread(open.get(), text.data(), text.size(), begin);
  text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  while (text.ends_with('\n')) text.pop_back();
  std::size_t start = text.size();
  for (int i = 0; i < lines && start != std::string::npos; ++i)
    start = start == 0 ? std::string::npos : text.rfind('\n', start - 1);
  return start == std::string::npos ? text : text.substr(start + 1);
}

}  // namespace stage
