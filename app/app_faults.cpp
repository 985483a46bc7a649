// Faults that an operator injects into the upstream legs.
#include <fmt/format.h>

#include "app/app.hpp"
#include "app/running_app.hpp"
#include "config/units.hpp"
#include "transport/link_text.hpp"

namespace app {

namespace {

constexpr config::Millis longest_fault{60'000};

WallTime wall_now() {
  return std::chrono::system_clock::now();
}

}  // namespace

std::optional<FaultLegs> App::make_fault_legs() {
  std::optional<FaultLegs> legs;
  if (config_->faults_allow) legs.emplace(io_, [this](health::EndpointId id) { fault_ended(id); });
  return legs;
}

ActionResult App::inject_fault(const FaultCommand& command) {
  using Kind = ActionResult::Kind;
  if (!fault_legs_)
    return {Kind::refused,
            "faults.allow is not set: write it into the configuration of a profile that is "
            "rehearsed, and start the proxy again"};
  const health::EndpointId id = registry_.id_of(command.endpoint);
  if (id == health::no_endpoint)
    return {Kind::unknown_endpoint, "there is no endpoint \"" + command.endpoint + "\""};
  if (command.heal) {
    if (!fault_legs_->heal(id)) return {Kind::done, command.endpoint + " had no fault"};
    log_.write(history_.command("fault", command.endpoint,
                                "the fault at " + command.endpoint + " was healed", wall_now()));
    update_alerts();
    return {Kind::done, command.endpoint + " is healed"};
  }
  if (command.lasts <= config::Millis{0} || command.lasts > longest_fault)
    return {Kind::refused, "for: a fault lasts at most 60s; repeat it to renew it"};
  if (!fault_legs_->leads(id))
    return {Kind::refused, command.endpoint + " has no resolved address yet"};
  const auto& endpoints = config_->endpoints;
  for (const config::Endpoint& endpoint : endpoints)
    if (endpoint.name == command.endpoint && endpoint.url.tls &&
        command.fault.mode == transport::LinkMode::answer)
      return {Kind::refused,
              "mode=answer: an answer cannot be put into TLS; use refuse, reset or "
              "blackhole"};
  bool was = false;
  for (const auto& [faulty, mode] : fault_legs_->active()) was = was || faulty == id;
  fault_legs_->inject(id, command.fault, command.lasts);
  const std::string text =
      fmt::format("fault at {}: {}", command.endpoint, transport::to_string(command.fault.mode));
  if (!was) log_.write(history_.command("fault", command.endpoint, text, wall_now()));
  update_alerts();
  return {Kind::done, text + " for " + config::duration_text(command.lasts)};
}

void App::fault_ended(health::EndpointId id) {
  const std::string name{registry_.name_of(id)};
  log_.write(history_.command("fault", name, "the fault at " + name + " ended", wall_now()));
  update_alerts();
}

void App::add_faults(Picture& out) const {
  out.faults.emplace();
  // An endpoint that a reload has changed is another one with the same name.
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts;
  for (const auto& [key, count] : fault_legs_->injected())
    counts[{std::string{registry_.name_of(key.first)},
            std::string{transport::to_string(key.second)}}] += count;
  for (const auto& [key, count] : counts) out.faults->push_back({key.first, key.second, count});
  for (const auto& [id, words] : fault_legs_->active())
    for (EndpointPicture& endpoint : out.endpoints)
      if (endpoint.name == registry_.name_of(id)) endpoint.fault = words;
}

std::vector<Alert> App::fault_alerts() const {
  std::vector<Alert> out;
  if (!fault_legs_) return out;
  for (const auto& [id, mode] : fault_legs_->active()) {
    const std::string name{registry_.name_of(id)};
    Alert alert;
    alert.kind = "fault_injected";
    alert.endpoint = name;
    alert.text = "a rehearsal plays a fault at " + name + ": " + mode;
    out.push_back(std::move(alert));
  }
  return out;
}

}  // namespace app
