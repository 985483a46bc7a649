// Which of the Durable extension's routes a request means. Route words match in any letter case;
// ids, function and event names are decoded and otherwise kept as they are. Pure, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rehearsal {

enum class DurableAction {
  start,
  status,
  list,
  purge_one,
  purge_many,
  raise_event,
  terminate,
  suspend,
  resume,
  rewind,
  restart,
  entity_get,
  entity_list,
  entity_signal,  // DELETE too
  make_primary,
  unknown,  // under the extension's path, but no route of this verb: 404
};

struct DurableRoute {
  DurableAction action = DurableAction::unknown;
  std::string function;
  std::string instance_id;
  std::string event;
  std::string entity;              // in lower case: names of entities have none
  std::optional<std::string> key;  // "$" stands for the empty one
};

// nullopt: not a path of the Durable extension.
std::optional<DurableRoute> parse_durable_route(std::string_view method, std::string_view path);

// POST /api/orchestrators/{function}: the usual path of a starter of one's own.
std::optional<std::string> parse_custom_starter(std::string_view method, std::string_view path);

// At most 256 bytes, not starting with "@", none of / \ # ? and no control characters.
bool is_valid_instance_id(std::string_view id);
// Letters and digits, starting with a letter, 3 to 45 of them.
bool is_valid_hub_name(std::string_view name);

}  // namespace rehearsal
