#include "rehearsal/scenario/scenario.hpp"

#include "config/units.hpp"

namespace scenario {
namespace {

using config::duration_text;

std::string at_path(const Fault& fault) {
  return fault.path.empty() ? "" : " for " + fault.path;
}

std::string times_text(std::int64_t times) {
  if (times == 0) return "";
  return times == 1 ? " once" : " " + std::to_string(times) + " times";
}

std::string what(const Fault& fault) {
  const std::string by = duration_text(fault.by);
  switch (fault.kind) {
    case FaultKind::kill:
      return "killed (SIGKILL)";
    case FaultKind::freeze:
      return "frozen (SIGSTOP)";
    case FaultKind::stopped:
      return "stopped (403 with the platform's page)";
    case FaultKind::host_down:
      return "host down (503)";
    case FaultKind::app_offline:
      return "taken offline (503 with a page)";
    case FaultKind::answer:
      return "answers " + std::to_string(fault.status) + at_path(fault) + times_text(fault.times);
    case FaultKind::slow:
      return "answers " + by + " later";
    case FaultKind::cut_body:
      return "answers cut after " + config::size_text(fault.bytes);
    case FaultKind::refuse:
      return "connections refused";
    case FaultKind::reset:
      return "connections reset";
    case FaultKind::blackhole:
      return "bytes vanish";
    case FaultKind::delay:
      return "each direction " + by +
             (fault.jitter > 0ms ? " (+-" + duration_text(fault.jitter) + ")" : "") + " slower";
    case FaultKind::limit:
      return "limited to " + config::size_text(fault.rate) + "/s";
    case FaultKind::flap:
      return "flaps" + times_text(fault.times) + ": " + duration_text(fault.down) + " down, " +
             duration_text(fault.up) + " up";
    case FaultKind::certificate_expired:
      return "serves an expired certificate";
    case FaultKind::certificate_wrong_name:
      return "serves a certificate for another name";
    case FaultKind::storage_errors:
      return "storage answers 503";
    case FaultKind::storage_hangs:
      return "storage answers nothing";
    case FaultKind::storage_latency:
      return "storage " + by + " slower";
    case FaultKind::storage_locked:
      return "storage database locked";
    case FaultKind::storage_read_only:
      return "storage read-only";
    case FaultKind::unreachable:
      return "unreachable for the proxy alone";
  }
  return "?";
}

std::string describe_wait(const WaitUntil& wait) {
  const std::string within = " (within " + duration_text(wait.within) + ")";
  const auto until = [&](const std::string& text) { return "until " + text + within; };
  switch (wait.until) {
    case Until::active:
      return until(wait.name + " is active");
    case Until::online:
      return until(wait.name + " is online");
    case Until::degraded:
      return until(wait.name + " is degraded");
    case Until::answered_by:
      return until(wait.name + " answers a client");
    case Until::failing:
      return until("a request fails");
    case Until::work_done:
      return until("new work is done");
    case Until::work_done_by:
      return until(wait.name + " has done new work");
    case Until::starts_final:
      return until("every start is final");
    case Until::alert:
      return until("the alert " + wait.name + " is raised");
    case Until::lease_at:
      return until(wait.name + " holds the app lease");
    case Until::healed:
      return until("everything is healed");
    case Until::since_fault:
      return until(duration_text(wait.time) + " after the last fault began");
    case Until::since_heal:
      return until(duration_text(wait.time) + " after the last fault ended");
    case Until::requests:
      return until(std::to_string(wait.count) + " more requests are answered");
  }
  return "?";
}

std::string describe_operation(const Operate& operate) {
  std::string text = operate.target.empty() ? "" : operate.target + ": ";
  if (operate.operation < Operation::account_failover_planned)
    return text + std::string(to_string(operate.operation));
  const bool planned = operate.operation == Operation::account_failover_planned;
  return text + (planned ? "planned" : "unplanned") + " account failover, takes " +
         duration_text(operate.takes);
}

}  // namespace

std::string describe(const Fault& fault) {
  std::string text = fault.target + ": " + what(fault);
  if (fault.lasts > 0ms) text += " for " + duration_text(fault.lasts);
  return text;
}

std::string describe(const Step& step) {
  if (const auto* fault = std::get_if<Fault>(&step)) return describe(*fault);
  if (const auto* heal = std::get_if<Heal>(&step))
    return (heal->target.empty() ? "everything" : heal->target) + ": healed";
  if (const auto* operate = std::get_if<Operate>(&step)) return describe_operation(*operate);
  return describe_wait(std::get<WaitUntil>(step));
}

std::string describe(const Endpoint& endpoint) {
  if (const auto* url = std::get_if<config::Url>(&endpoint.is))
    return url->origin() + url->base_path;
  if (const auto* command = std::get_if<Command>(&endpoint.is)) {
    // Only the program and its verb: what follows may hold a connection string.
    std::string text;
    for (std::size_t i = 0; i < command->words.size() && i < 2; ++i)
      text += (i == 0 ? "" : " ") + command->words[i];
    return command->words.size() > 2 ? text + " …" : text;
  }
  const StandIn& app = std::get<StandIn>(endpoint.is);
  std::string text = "stand-in app";
  if (app.instances > 1) text += ", " + std::to_string(app.instances) + " instances";
  if (app.gateway) text += ", behind a gateway";
  if (app.tls) text += ", TLS";
  return text;
}

bool is_link_fault(FaultKind kind) {
  switch (kind) {
    case FaultKind::cut_body:
    case FaultKind::refuse:
    case FaultKind::reset:
    case FaultKind::blackhole:
    case FaultKind::delay:
    case FaultKind::limit:
    case FaultKind::certificate_expired:
    case FaultKind::certificate_wrong_name:
    case FaultKind::unreachable:
      return true;
    default:
      return false;
  }
}

bool needs_link(const Scenario& scenario, const Endpoint& endpoint) {
  if (endpoint.link) return true;
  const bool stand_in = std::holds_alternative<StandIn>(endpoint.is);
  for (const Step& step : scenario.steps) {
    const auto* fault = std::get_if<Fault>(&step);
    if (!fault || find_endpoint(scenario, fault->target) != &endpoint) continue;
    const bool by_app = fault->kind == FaultKind::answer || fault->kind == FaultKind::slow;
    if (is_link_fault(fault->kind) || (by_app && !stand_in)) return true;
  }
  return false;
}

const Endpoint* find_endpoint(const Scenario& scenario, std::string_view name) {
  const std::string_view plain = name.substr(0, name.rfind('#'));
  for (const Endpoint& endpoint : scenario.topology.endpoints)
    if (endpoint.name == name || endpoint.name == plain) return &endpoint;
  return nullptr;
}

}  // namespace scenario
