// How the Durable API shows the values of a task hub to clients, and small pieces of JSON. The
// library stays in the source file. Pure, any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rehearsal/entity_store.hpp"
#include "rehearsal/instance.hpp"

namespace rehearsal {

// What a client sees.
struct StatusView {
  bool input = true;
  bool history = false;
  bool history_output = false;
};
std::string status_object(const Instance&, const std::vector<HistoryEvent>&, const StatusView&);
std::string status_array(const std::vector<Instance>&, const StatusView&);
std::string entity_array(const std::vector<Entity>&, bool with_state);
std::string error_object(std::string_view message);
std::string exception_object(std::string_view message, std::string_view exception_message);
std::string string_object(
    const std::vector<std::pair<std::string_view, std::string>>& members);  // in this order
std::string json_string(std::string_view text);  // quoted and escaped; bad UTF-8 replaced

bool is_json(std::string_view text);  // and not nested deeper than 64

}  // namespace rehearsal
