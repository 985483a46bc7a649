// Moves what is in the write-ahead log into the database, on a thread and a connection of its own,
// so that no commit waits for it. It only ever looks on: what is written meanwhile stays for later,
// and the one who writes finishes it (SqliteStore::maintain), which is then little. Owned by the
// store.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "ledger/sqlite.hpp"

namespace ledger {

class Checkpointer {
 public:
  explicit Checkpointer(const std::string& path);  // throws SqliteError
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  enum class State { idle, working, finished };
  State state() const { return state_; }
  void start();                          // from idle
  void take() { state_ = State::idle; }  // from finished

 private:
  void run();

  Database database_;
  std::atomic<State> state_ = State::idle;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ledger
