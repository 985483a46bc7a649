// A process that we start, and all that it starts: `npm` and `func` are only the first of several.
// They share a process group, which is killed and frozen as one. None outlives us, however we end:
// the first one is killed by the kernel with the thread that started it (PR_SET_PDEATHSIG), the
// others by a guard, a fork of ours that waits for our end and does nothing else. What the first
// one leaves behind becomes a child of ours (PR_SET_CHILD_SUBREAPER), so that we can wait until all
// of them are gone and their ports are free. Owned by Child, on one thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "rehearsal/stage/descriptor.hpp"

namespace stage {

class ProcessGroup {
 public:
  using Environment = std::vector<std::pair<std::string, std::string>>;

  ProcessGroup() = default;
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;
  ~ProcessGroup();

  // Reads nothing, prints to `output`, and holds nothing else of ours open. "" or the problem.
  std::string start(const std::vector<std::string>& words, const Environment& added,
                    const std::string& folder, int output);
  pid_t leader() const { return leader_; }  // -1: none was started, or kill() has reaped it
  bool leader_has_ended() const;
  void signal(int number) const;
  void freeze() const;  // until all have stopped
  int kill();           // and reaps all; the leader's status as of waitpid

 private:
  void start_guard();

  pid_t leader_ = -1, guard_ = -1;
  Descriptor guarded_;  // the guard acts when this is closed
};

std::string error_text(int number);  // of errno

}  // namespace stage
