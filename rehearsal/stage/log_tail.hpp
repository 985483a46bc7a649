// What a process has printed, read back from its log file: line by line as it grows, or the end of
// it. Holds at most one line.
#pragma once

#include <sys/types.h>

#include <string>

#include "rehearsal/stage/descriptor.hpp"

namespace stage {

class LogTail {
 public:
  LogTail(const std::string& file, off_t from);
  bool next(std::string& line);  // false: no whole line more, for now

 private:
  Descriptor file_;
  off_t at_;
  std::string read_;  // not yet a line
};

// The last lines from `from` on, of at most 16 KiB, without a line end at the end.
std::string tail_of(const std::string& file, off_t from, int lines);

}  // namespace stage
