#include "rehearsal/app_lease_store.hpp"

namespace rehearsal {

using ledger::Statement;

std::string_view to_string(LeaseOutcome outcome) {
  switch (outcome) {
    case LeaseOutcome::ok:
      return "";
    case LeaseOutcome::already_present:
      return "LeaseAlreadyPresent";
    case LeaseOutcome::id_mismatch:
      return "LeaseIdMismatchWithLeaseOperation";
    case LeaseOutcome::not_present:
      return "LeaseNotPresentWithLeaseOperation";
  }
  return "Unknown";
}

void AppLeaseStore::create_tables() {
  db_.execute(R"sql(
CREATE TABLE IF NOT EXISTS app_leases (
  hub TEXT PRIMARY KEY COLLATE NOCASE, id TEXT NOT NULL DEFAULT '',
  milliseconds INTEGER NOT NULL DEFAULT 0, until INTEGER NOT NULL DEFAULT 0,
  owner TEXT NOT NULL DEFAULT '', desired TEXT NOT NULL DEFAULT '');
)sql");
}

AppLeaseState AppLeaseStore::get(std::string_view hub, WallTime now) {
  AppLeaseState state;
  Statement select{db_, "SELECT id, until, owner, desired FROM app_leases WHERE hub = ?"};
  select.bind(hub);
  if (!select.step()) return state;
  state.id = select.text(0);
  state.active = select.number(1) > number_of(now);
  state.owner = select.text(2);
  state.desired = select.text(3);
  return state;
}

LeaseOutcome AppLeaseStore::acquire(std::string_view hub, std::string_view id,
                                    std::chrono::milliseconds time, WallTime now) {
  const AppLeaseState state = get(hub, now);
  if (state.active && state.id != id) return LeaseOutcome::already_present;
  Statement upsert{db_,
                   "INSERT INTO app_leases (hub, id, milliseconds, until) VALUES (?,?,?,?)"
                   " ON CONFLICT DO UPDATE SET id = excluded.id,"
                   " milliseconds = excluded.milliseconds, until = excluded.until"};
  upsert.bind(hub).bind(id).bind(std::int64_t{time.count()}).bind(number_of(now + time)).run();
  return LeaseOutcome::ok;
}

LeaseOutcome AppLeaseStore::renew(std::string_view hub, std::string_view id, WallTime now) {
  const AppLeaseState state = get(hub, now);
  if (state.id.empty()) return LeaseOutcome::not_present;
  if (state.id != id) return LeaseOutcome::id_mismatch;
  Statement update{db_, "UPDATE app_leases SET until = ? + milliseconds WHERE hub = ?"};
  update.bind(number_of(now)).bind(hub).run();
  return LeaseOutcome::ok;
}

LeaseOutcome AppLeaseStore::change(std::string_view hub, std::string_view from, std::string_view to,
                                   WallTime now) {
  const AppLeaseState state = get(hub, now);
  if (!state.active) return LeaseOutcome::not_present;
  if (state.id != from && state.id != to) return LeaseOutcome::id_mismatch;
  Statement update{db_, "UPDATE app_leases SET id = ? WHERE hub = ?"};
  update.bind(to).bind(hub).run();
  return LeaseOutcome::ok;
}

void AppLeaseStore::write_note(std::string_view hub, std::string_view owner,
                               std::string_view desired) {
  Statement upsert{db_,
                   "INSERT INTO app_leases (hub, owner, desired) VALUES (?,?,?)"
                   " ON CONFLICT DO UPDATE SET owner = excluded.owner, desired = excluded.desired"};
  upsert.bind(hub).bind(owner).bind(desired).run();
}

}  // namespace rehearsal
