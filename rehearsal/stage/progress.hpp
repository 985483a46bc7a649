// What a person sees while a rehearsal runs: one line for each thing that happens and, on a
// terminal, a strip below them that grows by a character a second: who answered, and what failed.
// Elsewhere plain lines only. Owned by the conductor, on its thread.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "rehearsal/stage/clock.hpp"
#include "rehearsal/verdict/record.hpp"

namespace stage {

struct ProgressOptions {
  bool quiet = false;
  bool terminal = false;  // the strip, and colours
  std::size_t columns = 80;
};

class Progress {
 public:
  Progress(std::FILE* out, ProgressOptions options, const Clock& clock)
      : out_{out}, options_{options}, clock_{clock} {}

  // "  00:07.4  fault    primary: frozen"; `mark` is ' ', '+' (well) or '!' (not).
  void line(std::string_view kind, std::string_view text, char mark = ' ');
  // What the proxy said since the last call; and the strip, at most five times a second.
  void look(const verdict::RunRecord& record);
  void finish();  // the strip stays as it is

 private:
  void clear_strip();
  std::string strip(const verdict::RunRecord& record) const;

  std::FILE* out_;
  ProgressOptions options_;
  const Clock& clock_;
  std::size_t events_shown_ = 0;
  verdict::At drawn_{-1};
  bool strip_shown_ = false;
};

// "00:07.4", from an hour on "1:00:07.4".
std::string time_text(verdict::At at);

}  // namespace stage
