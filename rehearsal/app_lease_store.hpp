// The storage's side of the app lease: a lease on the hub's container, and the note beside it that
// says who owns it and who wants it. Leases behave as those of a blob container do: an expired one
// can be acquired by anybody and renewed by its last owner, but not changed.
// Part of HubStore, which owns the file; one thread.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "ledger/sqlite.hpp"
#include "rehearsal/instance.hpp"

namespace rehearsal {

enum class LeaseOutcome { ok, already_present, id_mismatch, not_present };
std::string_view to_string(LeaseOutcome);  // the service's own error code

struct AppLeaseState {
  std::string id;  // of the lease; "" there never was one
  bool active = false;
  std::string owner;    // the note, written by apps
  std::string desired;  // likewise
};

class AppLeaseStore {
 public:
  explicit AppLeaseStore(ledger::Database& database) : db_{database} {}
  void create_tables();

  LeaseOutcome acquire(std::string_view hub, std::string_view id, std::chrono::milliseconds time,
                       WallTime now);
  LeaseOutcome renew(std::string_view hub, std::string_view id, WallTime now);
  LeaseOutcome change(std::string_view hub, std::string_view from, std::string_view to,
                      WallTime now);
  AppLeaseState get(std::string_view hub, WallTime now);
  void write_note(std::string_view hub, std::string_view owner, std::string_view desired);

 private:
  ledger::Database& db_;
};

}  // namespace rehearsal
