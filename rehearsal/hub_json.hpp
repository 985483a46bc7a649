// How apps and storage write the values of instance.hpp to each other, and how the Durable API
// shows them to clients. JSON text in and out; the library stays in the source file. Pure, any
// thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rehearsal/instance.hpp"

namespace rehearsal {

// Between the app and its storage. The readers give nullopt for anything that is not theirs.
std::string write_new_instance(const NewInstance&);
std::optional<NewInstance> read_new_instance(std::string_view text);
std::string write_instance(const Instance&, const std::vector<HistoryEvent>& history);
struct InstanceAndHistory {
  Instance instance;
  std::vector<HistoryEvent> history;
};
std::optional<InstanceAndHistory> read_instance(std::string_view text);
std::string write_page(const Page&);
std::optional<Page> read_page(std::string_view text);
std::string write_report(const WorkReport&);
std::optional<WorkReport> read_report(std::string_view text);
std::string write_answer(const WorkAnswer&);
std::optional<WorkAnswer> read_answer(std::string_view text);
std::string write_counts(const std::vector<ActivityCount>&);

// What a client sees.
struct StatusView {
  bool input = true;
  bool history = false;
  bool history_output = false;
};
std::string status_object(const Instance&, const std::vector<HistoryEvent>&, const StatusView&);
std::string status_array(const std::vector<Instance>&, const StatusView&);
std::string error_object(std::string_view message);
std::string exception_object(std::string_view message, std::string_view exception_message);
std::string string_object(
    const std::vector<std::pair<std::string_view, std::string>>& members);  // in this order
std::string json_string(std::string_view text);  // quoted and escaped; bad UTF-8 replaced

bool is_json(std::string_view text);
// "steps", "stepMilliseconds", "waitForEvent" and "fail" of an input object override the defaults.
Plan plan_of(std::string_view input, const Plan& defaults);

}  // namespace rehearsal
