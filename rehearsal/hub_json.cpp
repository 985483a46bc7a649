#include "rehearsal/hub_json.hpp"

#include <nlohmann/json.hpp>

namespace rehearsal {

namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json parse(std::string_view text) {
  return Json::parse(text, nullptr, false);
}

// JSON text that storage keeps as text; what is not JSON is shown as a string.
Json embedded(const std::string& text) {
  Json json = parse(text);
  return json.is_discarded() ? Json(text) : json;
}

// The name stands under another key in each kind of event.
const char* name_key(const HistoryEvent& event) {
  if (event.type == "EventRaised") return "Name";
  if (event.type == "ExecutionCompleted") return "OrchestrationStatus";
  return "FunctionName";
}

Json history_json(const std::vector<HistoryEvent>& history, bool with_output) {
  Json list = Json::array();
  for (const HistoryEvent& event : history) {
    Json one{{"EventType", event.type}};
    if (!event.name.empty()) one[name_key(event)] = event.name;
    if (with_output && !event.result.empty()) one["Result"] = embedded(event.result);
    if (event.scheduled != WallTime{})
      one[event.type == "TimerFired" ? "FireAt" : "ScheduledTime"] = time_text(event.scheduled);
    one["Timestamp"] = time_text(event.at);
    if (!event.app.empty()) one["App"] = event.app;  // ours: who did it
    list.push_back(std::move(one));
  }
  return list;
}

Json status_json(const Instance& instance, const StatusView& view) {
  return {{"name", instance.function},
          {"instanceId", instance.id},
          {"runtimeStatus", to_string(instance.status)},
          {"input", view.input ? embedded(instance.input) : Json(nullptr)},
          {"customStatus", embedded(instance.custom_status)},
          {"output", embedded(instance.output)},
          {"createdTime", time_text(instance.created)},
          {"lastUpdatedTime", time_text(instance.updated)}};
}

// More levels than any client needs; a writer that recurses must not run out of stack.
bool is_too_deep(std::string_view text) {
  constexpr int deepest = 64;
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > deepest) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

std::string status_object(const Instance& instance, const std::vector<HistoryEvent>& history,
                          const StatusView& view) {
  Json json = status_json(instance, view);
  if (view.history) json["historyEvents"] = history_json(history, view.history_output);
  return dump(json);
}

std::string status_array(const std::vector<Instance>& instances, const StatusView& view) {
  Json list = Json::array();
  for (const Instance& instance : instances) list.push_back(status_json(instance, view));
  return dump(list);
}

std::string entity_array(const std::vector<Entity>& entities, bool with_state) {
  Json list = Json::array();
  for (const Entity& entity : entities) {
    Json one{{"entityId", {{"name", entity.name}, {"key", entity.key}}},
             {"lastOperationTime", time_text(entity.last_operation)}};
    if (with_state) one["state"] = embedded(entity.state);
    list.push_back(std::move(one));
  }
  return dump(list);
}

std::string error_object(std::string_view message) {
  return dump({{"Message", message}});
}

std::string exception_object(std::string_view message, std::string_view exception_message) {
  return dump({{"Message", message},
               {"ExceptionMessage", exception_message},
               {"ExceptionType", "System.InvalidOperationException"},
               {"StackTrace", "   at a stand-in, which has no stack to show"}});
}

std::string string_object(const std::vector<std::pair<std::string_view, std::string>>& members) {
  Json json = Json::object();
  for (const auto& [name, value] : members) json[std::string{name}] = value;
  return dump(json);
}

std::string json_string(std::string_view text) {
  return dump(Json(text));
}

bool is_json(std::string_view text) {
  return !is_too_deep(text) && !parse(text).is_discarded();
}

}  // namespace rehearsal
