#include "ledger/checkpointer.hpp"

#include <sqlite3.h>

namespace ledger {

Checkpointer::Checkpointer(const std::string& path) : database_{path, Database::Access::change} {
  sqlite3_wal_autocheckpoint(database_.handle(), 0);
  thread_ = std::thread{[this] { run(); }};
}

Checkpointer::~Checkpointer() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Checkpointer::start() {
  {
    const std::lock_guard lock{mutex_};
    state_ = State::working;
  }
  wake_.notify_one();
}

void Checkpointer::run() {
  std::unique_lock lock{mutex_};
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || state_ == State::working; });
    if (stopping_) return;
    lock.unlock();
    // When it cannot, the writer's own attempt will say why.
    database_.try_execute("PRAGMA wal_checkpoint(PASSIVE)");
    lock.lock();
    state_ = State::finished;
  }
}

}  // namespace ledger
