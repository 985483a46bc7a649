#include "rehearsal/entity_store.hpp"

#include <nlohmann/json.hpp>

#include "rehearsal/uri.hpp"

namespace rehearsal {

using ledger::Statement;
using Json = nlohmann::ordered_json;

namespace {

constexpr int most_signals = 1000;  // in one exchange

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<std::string> sum_of(const std::optional<std::string>& state, std::string_view input) {
  const Json before = state ? Json::parse(*state, nullptr, false) : Json(0);
  const Json more = Json::parse(input, nullptr, false);
  if (!before.is_number() || !more.is_number()) return state;
  if (before.is_number_integer() && more.is_number_integer()) {
    std::int64_t sum = 0;
    if (!__builtin_add_overflow(before.get<std::int64_t>(), more.get<std::int64_t>(), &sum))
      return dump(Json(sum));
  }
  return dump(Json(before.get<double>() + more.get<double>()));
}

}  // namespace

std::optional<std::string> apply_operation(const std::optional<std::string>& state,
                                           std::string_view operation, std::string_view input) {
  const auto is = [operation](std::string_view word) {
    return same_ignoring_case(operation, word);
  };
  if (is("add")) return sum_of(state, input);
  if (is("get")) return state;
  if (is("reset")) return "0";
  if (is("delete")) return std::nullopt;
  return input.empty() ? "null" : std::string{input};
}

void EntityStore::create_tables() {
  db_.execute(R"sql(
CREATE TABLE IF NOT EXISTS entities (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  hub TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL COLLATE NOCASE, key TEXT NOT NULL,
  state TEXT NOT NULL, last_operation INTEGER NOT NULL, UNIQUE (hub, name, key));
CREATE TABLE IF NOT EXISTS signals (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  hub TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL, key TEXT NOT NULL,
  operation TEXT NOT NULL, input TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS signals_of ON signals (hub);
)sql");
}

void EntityStore::signal(std::string_view hub, std::string_view name, std::string_view key,
                         std::string_view operation, std::string_view input) {
  Statement insert{db_,
                   "INSERT INTO signals (hub, name, key, operation, input) VALUES (?,?,?,?,?)"};
  insert.bind(hub).bind(name).bind(key).bind(operation).bind(input).run();
}

std::optional<Entity> EntityStore::get(std::string_view hub, std::string_view name,
                                       std::string_view key) {
  Statement select{db_,
                   "SELECT name, key, state, last_operation FROM entities"
                   " WHERE hub = ? AND name = ? AND key = ?"};
  select.bind(hub).bind(name).bind(key);
  if (!select.step()) return std::nullopt;
  Entity out;
  out.name = select.text(0);
  out.key = select.text(1);
  out.state = select.text(2);
  out.last_operation = WallTime{std::chrono::milliseconds{select.number(3)}};
  return out;
}

EntityPage EntityStore::list(std::string_view hub, const EntityFilter& filter) {
  constexpr std::int64_t always = 9'000'000'000'000'000;
  EntityPage page;
  Statement select{
      db_, std::string{"SELECT name, key, state, last_operation, position FROM entities"
                       " WHERE hub = ? AND position > ? AND last_operation BETWEEN ? AND ?"} +
               (filter.name.empty() ? "" : " AND name = ?") + " ORDER BY position LIMIT ?"};
  select.bind(hub).bind(filter.after);
  select.bind(filter.from ? number_of(*filter.from) : -always);
  select.bind(filter.to ? number_of(*filter.to) : always);
  if (!filter.name.empty()) select.bind(filter.name);
  select.bind(static_cast<std::int64_t>(filter.top) + 1);
  std::int64_t last = 0;
  while (select.step()) {
    if (page.entities.size() == filter.top) {
      page.next = last;
      break;
    }
    Entity one;
    one.name = select.text(0);
    one.key = select.text(1);
    one.state = select.text(2);
    one.last_operation = WallTime{std::chrono::milliseconds{select.number(3)}};
    last = select.number(4);
    page.entities.push_back(std::move(one));
  }
  return page;
}

bool EntityStore::apply_signals(std::string_view hub, WallTime now) {
  struct Signal {
    std::int64_t position = 0;
    std::string name, key, operation, input;
  };
  std::vector<Signal> signals;
  {
    Statement select{db_,
                     "SELECT position, name, key, operation, input FROM signals WHERE hub = ?"
                     " ORDER BY position LIMIT ?"};
    select.bind(hub).bind(std::int64_t{most_signals});
    while (select.step()) {
      Signal one;
      one.position = select.number(0);
      one.name = select.text(1);
      one.key = select.text(2);
      one.operation = select.text(3);
      one.input = select.text(4);
      signals.push_back(std::move(one));
    }
  }
  for (const Signal& one : signals) {
    std::optional<std::string> state;
    if (const auto entity = get(hub, one.name, one.key)) state = entity->state;
    if (const auto next = apply_operation(state, one.operation, one.input)) {
      Statement upsert{db_,
                       "INSERT INTO entities (hub, name, key, state, last_operation)"
                       " VALUES (?,?,?,?,?) ON CONFLICT DO UPDATE SET state = excluded.state,"
                       " last_operation = excluded.last_operation"};
      upsert.bind(hub).bind(one.name).bind(one.key).bind(*next).bind(number_of(now)).run();
    } else {
      Statement remove{db_, "DELETE FROM entities WHERE hub = ? AND name = ? AND key = ?"};
      remove.bind(hub).bind(one.name).bind(one.key).run();
    }
    Statement done{db_, "DELETE FROM signals WHERE position = ?"};
    done.bind(one.position).run();
  }
  return signals.size() == static_cast<std::size_t>(most_signals);
}

}  // namespace rehearsal
