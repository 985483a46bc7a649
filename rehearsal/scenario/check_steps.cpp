// What a step may be about: its target is there and can have that fault, and what is waited for can
// come.
#include <algorithm>
#include <variant>

#include "config/syntax.hpp"
#include "config/tree.hpp"
#include "rehearsal/scenario/check_scenario.hpp"

namespace scenario {
namespace {

using config::Findings;

bool is_storage_fault(FaultKind kind) {
  return kind >= FaultKind::storage_errors && kind <= FaultKind::storage_read_only;
}

bool is_process_fault(FaultKind kind) {
  return kind == FaultKind::kill || kind == FaultKind::freeze || kind == FaultKind::flap;
}

bool is_app_state(FaultKind kind) {
  return kind == FaultKind::stopped || kind == FaultKind::host_down ||
         kind == FaultKind::app_offline;
}

template <class List>
std::vector<std::string> names_of(const List& list) {
  std::vector<std::string> names;
  for (const auto& part : list) names.push_back(part.name);
  return names;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class StepCheck {
 public:
  StepCheck(const Scenario& scenario, Findings& findings)
      : scenario_{scenario},
        findings_{findings},
        endpoints_{names_of(scenario.topology.endpoints)},
        accounts_{names_of(scenario.topology.storage)},
        processes_{names_of(scenario.topology.processes)} {}

  void check() {
    // Without all names nobody knows what a target is.
    if (endpoints_.empty() || contains(endpoints_, "") || contains(processes_, "")) return;
    for (index_ = 0; index_ < scenario_.steps.size(); ++index_)
      if (!findings_.refused(step_path(index_)))
        std::visit([this](const auto& step) { check_step(step); }, scenario_.steps[index_]);
  }

 private:
  std::string at(const char* key) const { return step_path(index_) + "." + key; }

  void refuse(const char* key, const std::string& found, std::string rule, std::string hint) {
    findings_.error(at(key), found.empty() ? "" : config::quoted(found), std::move(rule),
                    std::move(hint));
  }

  // Whether the name is one of `known`; says so when it is not.
  bool is_one_of(const char* key, const std::string& name, const std::vector<std::string>& known,
                 const std::string& what) {
    if (contains(known, name)) return true;
    std::string hint = "there is none here";
    if (const auto close = config::nearest(name, known)) {
      hint = "did you mean \"" + *close + "\"?";
    } else if (!known.empty()) {
      hint = "known here:";
      for (const std::string& one : known) hint += (&one == known.data() ? " " : ", ") + one;
    }
    refuse(key, name, "is no " + what, hint);
    return false;
  }

  std::vector<std::string> all_parts() const {
    std::vector<std::string> all = endpoints_;
    for (const auto* more : {&processes_, &accounts_})
      for (const std::string& name : *more)
        if (!contains(all, name)) all.push_back(name);
    all.emplace_back("proxy");
    return all;
  }

  // "NAME#2" of an endpoint with so many instances; other names are no business of this.
  bool check_instance(const char* key, const std::string& target) {
    const std::size_t cut = target.rfind('#');
    if (cut == std::string::npos) return true;
    const std::string name = target.substr(0, cut), number = target.substr(cut + 1);
    if (!is_one_of(key, name, endpoints_, "endpoint")) return false;
    const auto* app = std::get_if<StandIn>(&find_endpoint(scenario_, name)->is);
    const int instances = app ? app->instances : 1;
    if (number.size() == 1 && number[0] >= '1' && number[0] - '0' <= std::min(instances, 9))
      return true;
    if (number.size() == 2 && number[0] == '1' && number[1] >= '0' && number[1] <= '6' &&
        10 + (number[1] - '0') <= instances)
      return true;
    refuse(key, target, "is no instance of " + name,
           "it has " + std::to_string(instances) + ", counted from #1");
    return false;
  }

  void check_step(const Fault& fault) {
    faults_.push_back(fault.target);
    if (findings_.refused(at("fault"))) return;
    if (fault.target.empty()) {
      if (!findings_.refused(at("target")))
        refuse("fault", "", "has no target", "name what breaks: \"target\": \"primary\"");
      return;
    }
    const std::string kind{to_string(fault.kind)};
    if (is_storage_fault(fault.kind)) {
      is_one_of("target", fault.target, accounts_, "storage account");
      return;
    }
    const bool instance = fault.target.find('#') != std::string::npos;
    if (instance && !check_instance("target", fault.target)) return;
    if (is_process_fault(fault.kind)) return check_process(fault, instance);
    if (!instance && !is_one_of("target", fault.target, endpoints_, "endpoint")) return;
    const Endpoint& endpoint = *find_endpoint(scenario_, fault.target);
    const auto* app = std::get_if<StandIn>(&endpoint.is);
    if (is_app_state(fault.kind) && !app)
      refuse("target", fault.target, "is no stand-in, and only one can play \"" + kind + "\"",
             "use kill, freeze or a fault of the link");
    if (instance && is_link_fault(fault.kind))
      refuse("target", fault.target, "is one instance, and a fault of the link is for all of them",
             "name the endpoint");
    const bool certificate = fault.kind == FaultKind::certificate_expired ||
                             fault.kind == FaultKind::certificate_wrong_name;
    if (certificate && (!app || !app->tls))
      refuse("target", fault.target, "has no certificate of the rehearsal",
             "write \"stand_in\": {\"tls\": true}");
  }

  void check_process(const Fault& fault, bool instance) {
    if (fault.kind == FaultKind::flap && fault.target == "proxy") return;
    if (!instance && !is_one_of("target", fault.target, all_parts(), "part of this scenario"))
      return;
    const Endpoint* endpoint =
        fault.target == "proxy" ? nullptr : find_endpoint(scenario_, fault.target);
    const auto* url = endpoint ? std::get_if<config::Url>(&endpoint->is) : nullptr;
    if (url && !url->host.empty())
      refuse("target", fault.target, "is a URL, and its process is not ours",
             "use unreachable, or another fault of the link");
  }

  void check_step(const Heal& heal) {
    if (findings_.refused(at("heal"))) return;
    if (heal.target.empty()) {
      if (faults_.empty())
        refuse("heal", "", "has no fault before it to heal", "play a fault first");
      return;
    }
    if (heal.target.find('#') != std::string::npos) {
      if (!check_instance("heal", heal.target)) return;
    } else if (!is_one_of("heal", heal.target, all_parts(), "part of this scenario")) {
      return;
    }
    if (!contains(faults_, heal.target))
      refuse("heal", heal.target, "has no fault before it to heal", "play one first");
  }

  void check_step(const Operate& operate) {
    if (findings_.refused(at("operate"))) return;
    const std::string word{to_string(operate.operation)};
    if (operate.operation >= Operation::account_failover_planned) {
      if (operate.target.empty())
        return refuse("operate", word, "has no target", "name the storage account");
      if (!is_one_of("target", operate.target, accounts_, "storage account")) return;
      for (const Storage& account : scenario_.topology.storage)
        if (account.name == operate.target && account.replicate_every == 0ms)
          refuse("target", operate.target, "has no replica to fail over to",
                 "write \"task_hub\": \"geo_replicated\", or replicate_every in topology.storage");
      return;
    }
    const bool whole =
        operate.operation == Operation::reload || operate.operation == Operation::hold ||
        operate.operation == Operation::release || operate.operation == Operation::failback;
    if (whole && operate.target.empty()) return;
    if (operate.operation == Operation::reload)
      return refuse("target", operate.target, "has no meaning for \"reload\"", "remove it");
    if (operate.target.empty()) return refuse("operate", word, "has no target", "name an endpoint");
    is_one_of("target", operate.target, endpoints_, "endpoint");
  }

  void check_step(const WaitUntil& wait) {
    const std::string key = "wait_until." + std::string(to_string(wait.until));
    if (findings_.refused(at(key.c_str()))) return;
    if (wait.until == Until::since_fault && faults_.empty())
      refuse(key.c_str(), "", "has no fault before it", "play a fault first");
    if (wait.until == Until::since_heal && faults_.empty())
      refuse(key.c_str(), "", "has no fault before it that could have ended", "play a fault first");
    if ((wait.until == Until::since_fault || wait.until == Until::since_heal) &&
        wait.time > wait.within)
      findings_.error(at("within"), config::duration_text(wait.within),
                      "ends before what is waited for (" + config::duration_text(wait.time) + ")",
                      "raise \"within\"");
    if (wait.name.empty() || wait.until == Until::alert) return;
    if (!is_one_of(key.c_str(), wait.name, endpoints_, "endpoint")) return;
    const auto* app = std::get_if<StandIn>(&find_endpoint(scenario_, wait.name)->is);
    if (wait.until == Until::lease_at && (!app || !app->app_lease))
      refuse(key.c_str(), wait.name, "never holds an app lease",
             "write \"stand_in\": {\"app_lease\": true}");
  }

  const Scenario& scenario_;
  Findings& findings_;
  std::vector<std::string> endpoints_, accounts_, processes_;
  std::vector<std::string> faults_;  // targets of the steps before
  std::size_t index_ = 0;
};

}  // namespace

void check_steps(const Scenario& scenario, Findings& findings) {
  if (scenario.steps.empty())
    findings.error(
        "steps", "", "plays nothing",
        "add one, like {\"fault\": \"freeze\", \"target\": \"primary\", \"for\": \"6s\"}");
  StepCheck{scenario, findings}.check();
}

}  // namespace scenario
