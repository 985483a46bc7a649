// The entities of the task hubs. A signal is put into a queue and takes effect when an app that may
// run orchestrators asks for work: in a hub that nobody works on it waits for ever. What an
// operation does is the same for every entity name:
//
//   add n      adds to a number; no state is 0         reset    makes it 0
//   set v      makes the input the state               delete   ends the entity
//   get        changes nothing                         other    as set
//
// An operation that makes no sense (adding to a text) changes nothing, like one that throws.
// Part of HubStore, which owns the file; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/sqlite.hpp"
#include "rehearsal/instance.hpp"

namespace rehearsal {

struct Entity {
  std::string name;
  std::string key;
  std::string state;  // JSON text
  WallTime last_operation{};
};

struct EntityFilter {
  std::string name;  // "" all
  std::optional<WallTime> from, to;
  std::size_t top = 100;
  std::int64_t after = 0;
};

struct EntityPage {
  std::vector<Entity> entities;
  std::int64_t next = 0;  // 0: the end
};

// The state after an operation; nullopt: there is none. Pure.
std::optional<std::string> apply_operation(const std::optional<std::string>& state,
                                           std::string_view operation, std::string_view input);

class EntityStore {
 public:
  explicit EntityStore(ledger::Database& database) : db_{database} {}
  void create_tables();

  void signal(std::string_view hub, std::string_view name, std::string_view key,
              std::string_view operation, std::string_view input);
  std::optional<Entity> get(std::string_view hub, std::string_view name, std::string_view key);
  EntityPage list(std::string_view hub, const EntityFilter&);

  // Within the caller's transaction. True: some are left.
  bool apply_signals(std::string_view hub, WallTime now);

 private:
  ledger::Database& db_;
};

}  // namespace rehearsal
