#include "rehearsal/stage/client_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace stage {

using nlohmann::json;
using scenario::Millis;
using verdict::RequestKind;
using verdict::Said;

namespace {

constexpr const char* built_in = "/runtime/webhooks/durabletask/orchestrators/";
constexpr const char* starter = "/api/orchestrators/";
constexpr std::size_t most_wrong_urls = 10;  // of one start

std::string payload(const scenario::Load& load, int number) {
  const auto steps = std::max(1, load.work_steps);
  if (load.kind == scenario::Work::timer)
    return json{{"start", number},
                {"steps",
                 {{{"activity", "Before"}, {"milliseconds", 20}},
                  {{"timer", load.work.count()}},
                  {{"activity", "After"}, {"milliseconds", 20}}}}}
        .dump();
  return json{{"start", number},
              {"steps", steps},
              {"stepMilliseconds", std::max<Millis::rep>(1, load.work.count() / steps)}}
      .dump();
}

json object_in(const std::string& body) {
  json parsed = json::parse(body, nullptr, false);
  return parsed.is_object() ? parsed : json::object();
}

std::string text_at(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

bool ends_with_uri(std::string_view key) {
  return key.size() > 3 && (key.ends_with("Uri") || key.ends_with("uri") || key.ends_with("URI"));
}

}  // namespace

PlannedRequest ClientPlan::next() {
  PlannedRequest planned;
  const double all = load_.gets + load_.starts;
  // Always as many draws, so that one setting does not shift the rest of the sequence.
  const double kind = chance(), chosen = chance(), custom = chance(), client = chance();
  planned.client = static_cast<int>(client * load_.clients);
  if (all <= 0 || kind * all < load_.gets) {
    planned.path = load_.path;
    return planned;
  }
  planned.kind = RequestKind::start;
  planned.number = starts_++;
  planned.body = payload(load_, planned.number);
  if (chosen < load_.chosen_id_share) {
    planned.given_id = fmt::format("order-{:05}", planned.number);
    planned.path = built_in + load_.function + "/" + planned.given_id;
    return planned;
  }
  // A custom starter takes no id: its share of all starts comes out of the others.
  const double others = 1 - load_.chosen_id_share;
  planned.custom = others > 0 && custom < std::min(1.0, load_.custom_share / others);
  planned.path = (planned.custom ? starter : built_in) + load_.function;
  return planned;
}

std::string take_start_answer(int status, const std::string* outcome,
                              const std::string* retry_after, const std::string* location,
                              const std::string& body, const std::string& origin,
                              verdict::Start& start) {
  const std::string said = outcome ? *outcome : "";
  start.detail = std::to_string(status) + (said.empty() ? "" : " " + said);
  note_wrong_urls(location, body, origin, start);
  const json object = object_in(body);
  const std::string id = text_at(object, "id"), url = text_at(object, "statusQueryGetUri");
  if ((status == 200 || status == 201 || status == 202) && !id.empty() && !url.empty()) {
    start.said = Said::accepted;
    start.unconfirmed = said == "unconfirmed" || said == "queued";
    start.id = id;
    return url;
  }
  if (said == "unknown")
    start.said = Said::unknown;
  else if (said == "not_run" || (status == 503 && retry_after))
    start.said = Said::refused;
  else
    start.said = Said::failed;
  return {};
}

std::string final_status(int status, const std::string& body) {
  if (status != 200) return {};
  const std::string runtime = text_at(object_in(body), "runtimeStatus");
  for (const char* final : {"Completed", "Failed", "Terminated", "Canceled"})
    if (runtime == final) return runtime;
  return {};
}

bool leads_back(const std::string& url, const std::string& origin) {
  return url.starts_with(origin + "/") || (url.starts_with('/') && !url.starts_with("//"));
}

void note_wrong_urls(const std::string* location, const std::string& body,
                     const std::string& origin, verdict::Start& start) {
  const auto look = [&](const std::string& url) {
    if (!leads_back(url, origin) && start.wrong_urls.size() < most_wrong_urls)
      start.wrong_urls.push_back(url.substr(0, url.find('?')));  // the query holds keys
  };
  if (location) look(*location);
  const json object = object_in(body);
  for (const auto& [key, value] : object.items())
    if (ends_with_uri(key) && value.is_string()) look(value.get<std::string>());
}

}  // namespace stage
