#include "ledger/start_rows.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

namespace ledger {
namespace {

// The order of read_row().
constexpr std::string_view columns =
    "SELECT number, settlement, told, listed, possible_duplicate, duplicate_found, resubmitted,"
    " clock_doubt, terminate, id_seen_before, earlier_created_ms, earlier_place, ran_at,"
    " ran_created_ms, changed_ms, id, origin, via, function, content_type, body_kept, body_hash,"
    " key_scope, arrived_ms, extra_wait_ms, may_use_keys, held, credential FROM start ";

std::int64_t ms_of(WallTime time) {
  return time.time_since_epoch().count();
}

WallTime time_of(std::int64_t ms) {
  return WallTime{WallTime::duration{ms}};
}

Statement& bind(Statement& statement, const std::optional<WallTime>& time) {
  return time ? statement.bind(ms_of(*time)) : statement.bind_null();
}

template <class Enum>
std::int64_t number_of(Enum value) {
  return static_cast<std::int64_t>(value);
}

// A number that no version of this program can have written reads as `odd`.
template <class Enum>
Enum enum_of(std::int64_t number, Enum last, Enum odd) {
  return number >= 0 && number <= static_cast<std::int64_t>(last) ? static_cast<Enum>(number) : odd;
}

std::string_view bytes_of(const Sha256& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

Attempt read_attempt(const Statement& row, NameTable& places) {
  Attempt attempt;
  attempt.place = places.number_of(row.text(0));
  attempt.begun = time_of(row.number(1));
  attempt.state = enum_of(row.number(2), AttemptState::refused, AttemptState::unknown);
  attempt.end = enum_of(row.number(3), ConnectionEnd::by_us, ConnectionEnd::by_us);
  attempt.status = static_cast<int>(row.number(4));
  attempt.said_exists = row.number(5) != 0;
  attempt.weak = row.number(6) != 0;
  return attempt;
}

// What changes after an entry was made, in the order of the update's and the insert's parameters.
Statement& bind_state(Statement& statement, const StartEntry& entry, const NameTable& places,
                      const std::string& owner) {
  statement.reset()
      .bind(needs_owner(entry) ? std::string_view{owner} : std::string_view{})
      .bind(number_of(entry.settlement))
      .bind(number_of(entry.told))
      .bind(number_of(entry.listed))
      .bind(std::int64_t{entry.possible_duplicate})
      .bind(std::int64_t{entry.duplicate_found})
      .bind(std::int64_t{entry.resubmitted})
      .bind(std::int64_t{entry.clock_doubt})
      .bind(number_of(entry.terminate))
      .bind(std::int64_t{entry.id_seen_before});
  bind(statement, entry.earlier_created)
      .bind(places.name_of(entry.earlier_place))
      .bind(places.name_of(entry.ran_at));
  return bind(statement, entry.ran_created).bind(ms_of(entry.changed));
}

}  // namespace

bool needs_owner(const StartEntry& entry) {
  // Its client was told 202, and only the ledger can tell it what came of that.
  const bool in_vain = is_acceptance(entry.told) && entry.settlement != Settlement::ran &&
                       entry.settlement != Settlement::forgotten;
  // An id that its client may use again: for the few seconds until it is removed.
  const bool reusable = entry.origin == IdOrigin::client && entry.settlement == Settlement::ran &&
                        entry.key_scope.empty();
  return is_open(entry) || is_watched(entry) || in_vain || reusable || entry.listed != Listed::no ||
         entry.possible_duplicate || entry.duplicate_found;
}

StartReader::StartReader(Database& database, const std::string& where)
    : rows_{database, std::string{columns} + where},
      attempts_{database,
                "SELECT place, begun_ms, state, ended, status, said_exists, weak FROM attempt"
                " WHERE start = ? ORDER BY position"},
      body_{database, "SELECT bytes FROM body WHERE start = ?"},
      answer_{database, "SELECT status, content_type, body FROM answer WHERE start = ?"} {}

std::optional<StartEntry> StartReader::next(NameTable& places, Bodies bodies) {
  if (!rows_.step()) {
    rows_.reset();
    return std::nullopt;
  }
  StartEntry entry = read_row(places);
  const auto number = std::bit_cast<std::int64_t>(entry.number);
  attempts_.reset().bind(number);
  while (attempts_.step()) entry.attempts.push_back(read_attempt(attempts_, places));
  if (bodies == Bodies::all || is_open(entry)) entry.body = read_body(body_, entry.number);
  answer_.reset().bind(number);
  if (answer_.step())
    entry.answer = std::make_shared<const StoredAnswer>(
        StoredAnswer{static_cast<int>(answer_.number(0)), answer_.text(1), answer_.text(2)});
  answer_.reset();
  return entry;
}

StartEntry StartReader::read_row(NameTable& places) const {
  int column = 0;
  const auto number = [&] { return rows_.number(column++); };
  const auto yes = [&] { return rows_.number(column++) != 0; };
  const auto text = [&] { return rows_.text(column++); };
  const auto time = [&]() -> std::optional<WallTime> {
    const int at = column++;
    if (rows_.is_null(at)) return std::nullopt;
    return time_of(rows_.number(at));
  };
  StartEntry entry;
  entry.number = std::bit_cast<std::uint64_t>(number());
  entry.settlement = enum_of(number(), Settlement::forgotten, Settlement::open);
  entry.told = enum_of(number(), Told::not_run, Told::nothing);
  entry.listed = enum_of(number(), Listed::lost, Listed::unknown);
  entry.possible_duplicate = yes();
  entry.duplicate_found = yes();
  entry.resubmitted = yes();
  entry.clock_doubt = yes();
  entry.terminate = enum_of(number(), Terminate::done, Terminate::no);
  entry.id_seen_before = yes();
  entry.earlier_created = time();
  entry.earlier_place = places.number_of(text());
  entry.ran_at = places.number_of(text());
  entry.ran_created = time();
  entry.changed = time_of(number());
  entry.id = text();
  entry.origin = enum_of(number(), IdOrigin::none, IdOrigin::client);
  entry.via = enum_of(number(), config::StartVia::as_is, config::StartVia::as_is);
  entry.function = text();
  entry.content_type = text();
  entry.body_kept = yes();
  const std::string hash = text();
  std::copy_n(hash.begin(), std::min(hash.size(), entry.body_hash.size()), entry.body_hash.begin());
  entry.key_scope = text();
  entry.arrived = time_of(number());
  entry.extra_wait = config::Millis{number()};
  entry.may_use_keys = yes();
  entry.held = yes();
  entry.credential = std::bit_cast<std::uint64_t>(number());
  return entry;
}

std::shared_ptr<const std::string> read_body(Statement& body, std::uint64_t number) {
  std::shared_ptr<const std::string> bytes;
  body.reset().bind(std::bit_cast<std::int64_t>(number));
  if (body.step()) bytes = std::make_shared<const std::string>(body.text(0));
  body.reset();  // a row that is not left keeps the file's old state readable
  return bytes;
}

std::vector<OperatorAction> read_actions(Database& database, const char* table) {
  const std::string sql = std::string{"SELECT at_ms, who, action, text, start FROM "} + table;
  Statement rows{database, sql + " ORDER BY row"};
  std::vector<OperatorAction> actions;
  while (rows.step())
    actions.push_back({rows.number(0), rows.text(1), rows.text(2), rows.text(3),
                       std::bit_cast<std::uint64_t>(rows.number(4))});
  return actions;
}

StartRows::StartRows(Database& database, std::string owner)
    : database_{database},
      owner_{std::move(owner)},
      update_{database,
              "UPDATE start SET owner = ?, settlement = ?, told = ?, listed = ?,"
              " possible_duplicate = ?, duplicate_found = ?, resubmitted = ?, clock_doubt = ?,"
              " terminate = ?, id_seen_before = ?, earlier_created_ms = ?, earlier_place = ?,"
              " ran_at = ?, ran_created_ms = ?, changed_ms = ?, has_body = has_body AND ?"
              " WHERE number = ?"},
      insert_{database,
              "INSERT INTO start (owner, settlement, told, listed, possible_duplicate,"
              " duplicate_found, resubmitted, clock_doubt, terminate, id_seen_before,"
              " earlier_created_ms, earlier_place, ran_at, ran_created_ms, changed_ms, has_body,"
              " number, id, origin, via, function, content_type, body_kept, body_hash, key_scope,"
              " arrived_ms, extra_wait_ms, may_use_keys, held, credential) VALUES (?, ?, ?, ?, ?,"
              " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      attempt_{database, "INSERT OR REPLACE INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      body_{database, "INSERT OR REPLACE INTO body VALUES (?, ?)"},
      answer_{database, "INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?)"},
      action_{database,
              "INSERT INTO action (at_ms, who, action, text, start) VALUES (?, ?, ?, ?, ?)"},
      remove_start_{database, "DELETE FROM start WHERE number = ?"},
      remove_attempts_{database, "DELETE FROM attempt WHERE start = ?"},
      remove_body_{database, "DELETE FROM body WHERE start = ?"},
      remove_answer_{database, "DELETE FROM answer WHERE start = ?"},
      settled_{database,
               "SELECT number FROM start WHERE settlement <> 0 AND changed_ms < ?"
               " ORDER BY changed_ms LIMIT ?"},
      bodies_{database,
              "SELECT number FROM start WHERE has_body = 1 AND settlement <> 0 AND listed = 0"
              " AND changed_ms < ? LIMIT ?"},
      mark_body_{database, "UPDATE start SET has_body = 0 WHERE number = ?"},
      unseen_{database,
              "SELECT number FROM start WHERE settlement <> 0 AND changed_ms < ? AND owner = ''"
              " ORDER BY changed_ms LIMIT ?"},
      old_actions_{database,
                   "DELETE FROM action WHERE row IN"
                   " (SELECT row FROM action ORDER BY row LIMIT ?) AND at_ms < ?"} {}

void StartRows::write(const StartWrite& write, const NameTable& places) {
  const auto number = std::bit_cast<std::int64_t>(write.number);
  if (write.entry == nullptr) return remove(number);
  // One that is not in the file, because the file was lost meanwhile, is written as if new.
  if (write.is_new || !update(*write.entry, places, write.drop_body)) {
    insert(*write.entry, places, write.drop_body);
  } else if (write.drop_body) {
    remove_body_.reset().bind(number).run();
  }
  write_attempts(*write.entry, places);
  if (write.entry->answer) write_answer(*write.entry);
}

bool StartRows::update(const StartEntry& entry, const NameTable& places, bool drop_body) {
  bind_state(update_, entry, places, owner_)
      .bind(std::int64_t{!drop_body})
      .bind(std::bit_cast<std::int64_t>(entry.number))
      .run();
  return database_.rows_changed() > 0;
}

void StartRows::insert(const StartEntry& entry, const NameTable& places, bool drop_body) {
  const auto number = std::bit_cast<std::int64_t>(entry.number);
  const bool has_body = entry.body != nullptr && entry.body_kept && !drop_body;
  bind_state(insert_, entry, places, owner_)
      .bind(std::int64_t{has_body})
      .bind(number)
      .bind(entry.id)
      .bind(number_of(entry.origin))
      .bind(number_of(entry.via))
      .bind(entry.function)
      .bind(entry.content_type)
      .bind(std::int64_t{entry.body_kept})
      .bind_blob(bytes_of(entry.body_hash))
      .bind(entry.key_scope)
      .bind(ms_of(entry.arrived))
      .bind(std::int64_t{entry.extra_wait.count()})
      .bind(std::int64_t{entry.may_use_keys})
      .bind(std::int64_t{entry.held})
      .bind(std::bit_cast<std::int64_t>(entry.credential))
      .run();
  if (has_body) body_.reset().bind(number).bind_blob(*entry.body).run();
}

void StartRows::write_attempts(const StartEntry& entry, const NameTable& places) {
  for (std::size_t i = 0; i < entry.attempts.size(); ++i) {
    const Attempt& attempt = entry.attempts[i];
    attempt_.reset()
        .bind(std::bit_cast<std::int64_t>(entry.number))
        .bind(static_cast<std::int64_t>(i))
        .bind(places.name_of(attempt.place))
        .bind(ms_of(attempt.begun))
        .bind(number_of(attempt.state))
        .bind(number_of(attempt.end))
        .bind(std::int64_t{attempt.status})
        .bind(std::int64_t{attempt.said_exists})
        .bind(std::int64_t{attempt.weak})
        .run();
  }
}

void StartRows::write_answer(const StartEntry& entry) {
  answer_.reset()
      .bind(std::bit_cast<std::int64_t>(entry.number))
      .bind(std::int64_t{entry.answer->status})
      .bind(entry.answer->content_type)
      .bind_blob(entry.answer->body)
      .run();
}

void StartRows::record(const OperatorAction& action) {
  action_.reset()
      .bind(action.at_ms)
      .bind(action.who)
      .bind(action.action)
      .bind(action.text)
      .bind(std::bit_cast<std::int64_t>(action.number))
      .run();
}

void StartRows::remove(std::int64_t number) {
  for (Statement* statement : {&remove_start_, &remove_attempts_, &remove_body_, &remove_answer_})
    statement->reset().bind(number).run();
}

bool StartRows::remove_all(Statement& which, std::int64_t most) {
  std::vector<std::int64_t> numbers;  // first: a table is not changed while it is read
  while (which.step()) numbers.push_back(which.number(0));
  which.reset();
  for (const std::int64_t number : numbers) remove(number);
  return static_cast<std::int64_t>(numbers.size()) == most;
}

bool StartRows::remove_settled(std::int64_t changed_before_ms, std::int64_t most) {
  return remove_all(settled_.reset().bind(changed_before_ms).bind(most), most);
}

bool StartRows::remove_oldest_unseen(std::int64_t most) {
  return remove_all(unseen_.reset().bind(std::numeric_limits<std::int64_t>::max()).bind(most),
                    most);
}

bool StartRows::remove_bodies(std::int64_t changed_before_ms, std::int64_t most) {
  std::vector<std::int64_t> numbers;
  bodies_.reset().bind(changed_before_ms).bind(most);
  while (bodies_.step()) numbers.push_back(bodies_.number(0));
  bodies_.reset();
  for (const std::int64_t number : numbers) {
    remove_body_.reset().bind(number).run();
    mark_body_.reset().bind(number).run();
  }
  return static_cast<std::int64_t>(numbers.size()) == most;
}

void StartRows::remove_actions(std::int64_t before_ms, std::int64_t most) {
  old_actions_.reset().bind(most).bind(before_ms).run();
}

}  // namespace ledger
