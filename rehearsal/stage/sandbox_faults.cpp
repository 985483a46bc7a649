#include "rehearsal/stage/sandbox_faults.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "rehearsal/stage/part_control.hpp"
#include "rehearsal/stage/pause.hpp"
#include "transport/spawn.hpp"

namespace stage {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using scenario::Fault;
using scenario::FaultKind;

namespace {

bool is_storage_fault(FaultKind kind) {
  return kind >= FaultKind::storage_errors && kind <= FaultKind::storage_read_only;
}

bool is_process_fault(FaultKind kind) {
  return kind == FaultKind::kill || kind == FaultKind::freeze || kind == FaultKind::flap;
}

bool is_certificate_fault(FaultKind kind) {
  return kind == FaultKind::certificate_expired || kind == FaultKind::certificate_wrong_name;
}

std::string_view app_state(FaultKind kind) {
  if (kind == FaultKind::stopped) return "stopped";
  if (kind == FaultKind::host_down) return "offline";
  return kind == FaultKind::app_offline ? "app_offline" : "";
}

bool is_app_fault(FaultKind kind) {
  return !app_state(kind).empty() || kind == FaultKind::answer || kind == FaultKind::slow;
}

// One change of a part at a time: a start waits, and what comes meanwhile would see it half done.
template <class Owner>
class Turn {
 public:
  explicit Turn(Owner* owner) : owner_{owner} { owner_->changing = true; }
  ~Turn() { owner_->changing = false; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Owner* owner_;
};

}  // namespace

SandboxFaults::SandboxFaults(asio::any_io_executor executor, std::shared_ptr<Parts> parts)
    : executor_{std::move(executor)}, parts_{std::move(parts)} {}

void SandboxFaults::close() {
  closed_ = true;
  for (const FlapPtr& flap : flaps_) {
    flap->ending = true;
    flap->timer.cancel();
  }
}

// "NAME" of an endpoint: all its instances; "NAME#2": the second.
std::vector<PartPtr> SandboxFaults::processes_of(const std::string& target) const {
  if (target == "proxy") return {parts_->proxy};
  if (const EndpointParts* endpoint = parts_->find_endpoint(target)) {
    if (target == endpoint->endpoint->name) return endpoint->instances;
    const std::size_t number =
        std::strtoul(target.c_str() + endpoint->endpoint->name.size() + 1, nullptr, 10);
    if (number < 1 || number > endpoint->instances.size()) return {};
    return {endpoint->instances[number - 1]};
  }
  if (const auto found = parts_->processes.find(target); found != parts_->processes.end())
    return {found->second};
  if (const StorageAccount* account = parts_->find_storage(target)) return {account->part};
  return {};
}

bool SandboxFaults::is_on(const Fault& fault, const PartPtr& part) const {
  const auto parts = processes_of(fault.target);
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

template <class Matches>
const Fault* SandboxFaults::last(Matches matches) const {
  const auto found = std::find_if(active_.rbegin(), active_.rend(), matches);
  return found == active_.rend() ? nullptr : &*found;
}

SandboxFaults::Problem SandboxFaults::check(const Fault& fault) const {
  const auto refuse = [&fault](const std::string& why) {
    return fault.target + ": " + std::string{to_string(fault.kind)} + ": " + why;
  };
  if (is_storage_fault(fault.kind))
    return parts_->find_storage(fault.target) ? "" : refuse("there is no such storage account");
  if (is_process_fault(fault.kind))
    return processes_of(fault.target).empty() ? refuse("it is no process of this rehearsal") : "";
  const EndpointParts* endpoint = parts_->find_endpoint(fault.target);
  if (!endpoint) return refuse("there is no such endpoint");
  if (is_app_fault(fault.kind) && endpoint->is_stand_in())
    return processes_of(fault.target).empty() ? refuse("it has no such instance") : "";
  if (!app_state(fault.kind).empty()) return refuse("only a stand-in can play this");
  if (!endpoint->link) return refuse("there is no link in its path");
  if (is_certificate_fault(fault.kind) && parts_->certificates.ca_file.empty())
    return refuse("it does not speak TLS");
  return {};
}

SandboxFaults::Task<SandboxFaults::Problem> SandboxFaults::begin(Fault fault) {
  const auto self = shared_from_this();
  if (closed_) co_return Problem{"the rehearsal has ended"};
  Problem problem = check(fault);
  if (!problem.empty()) co_return problem;
  if (fault.kind == FaultKind::flap) {
    const auto flapping = std::make_shared<Flap>(executor_, fault);
    flaps_.push_back(flapping);
    transport::spawn(executor_, "rehearsal: flap", flap(flapping));
    co_return problem;
  }
  active_.push_back(fault);
  problem = co_await settle(fault);
  co_return problem;
}

SandboxFaults::Task<SandboxFaults::Problem> SandboxFaults::heal(Fault fault) {
  const auto self = shared_from_this();
  Problem problem;
  if (fault.kind == FaultKind::flap) {
    const auto found = std::find_if(flaps_.begin(), flaps_.end(),
                                    [&](const FlapPtr& one) { return one->fault == fault; });
    if (found == flaps_.end()) co_return problem;
    const FlapPtr flapping = *found;
    flaps_.erase(found);
    problem = co_await end_flap(flapping);
    co_return problem;
  }
  const auto found = std::find(active_.begin(), active_.end(), fault);
  if (found == active_.end()) co_return problem;  // it could not be begun
  active_.erase(found);
  problem = co_await settle(fault);
  co_return problem;
}

SandboxFaults::Task<SandboxFaults::Problem> SandboxFaults::settle(Fault fault) {
  Problem all;
  if (is_storage_fault(fault.kind)) {
    StorageAccount* account = parts_->find_storage(fault.target);
    all = co_await settle_storage(account);
    co_return all;
  }
  EndpointParts* endpoint = parts_->find_endpoint(fault.target);
  const bool in_app = is_app_fault(fault.kind) && endpoint && endpoint->is_stand_in();
  if (!is_process_fault(fault.kind) && !in_app) {
    all = co_await settle_link(endpoint);
    co_return all;
  }
  const std::vector<PartPtr> processes = processes_of(fault.target);
  for (const PartPtr& part : processes) {
    Problem problem;
    if (in_app) problem = co_await settle_app(part);
    if (!in_app) problem = co_await settle_process(part);
    if (!problem.empty()) all += (all.empty() ? "" : "; ") + problem;
  }
  co_return all;
}

SandboxFaults::Task<SandboxFaults::Problem> SandboxFaults::settle_process(PartPtr part) {
  while (part->changing) co_await pause(5ms);
  const Turn turn{part.get()};
  const auto wanted = [&](FaultKind kind) {
    return last([&](const Fault& one) { return one.kind == kind && is_on(one, part); }) != nullptr;
  };
  Problem problem;
  if (wanted(FaultKind::kill)) {
    part->child->kill();
    part->killed = true;
    part->frozen = false;
    co_return problem;
  }
  if (part->killed) {
    problem = co_await bring_back(part);
    if (!problem.empty()) co_return problem;
  }
  if (parts_->closed) co_return problem;
  const bool freeze = wanted(FaultKind::freeze);
  if (freeze != part->frozen) {
    if (!part->child->running())
      co_return part->name + " has ended by itself; see " + part->options.log_file;
    if (freeze) part->child->freeze();
    if (!freeze) part->child->thaw();
    part->frozen = freeze;
  }
  problem = co_await settle_app(part);  // what was meant for it while it could not hear
  co_return problem;
}

// A new process knows of no fault.
SandboxFaults::Task<SandboxFaults::Problem> SandboxFaults::bring_back(PartPtr part) {
  Problem problem;
  if (parts_->closed) co_return problem;
  StorageAccount* account = nullptr;
  for (StorageAccount& one : parts_->storage)
    if (one.part == part) account = &one;
  if (account) account->lock.reset();  // it could not open its database
  problem = part->child->start();
  if (problem.empty()) problem = co_await wait_ready(part);
  if (!problem.empty()) {
    part->child->kill();
    co_return problem;
  }
  part->killed = false;
  part->state = "running";
  part->answer.reset();
  part->slow = 0ms;
  if (account) {
    account->outage = "none";
    account->latency = 0ms;
    account->read_only = false;
    problem = co_await settle_storage(account);
  }
  co_return problem;
}

SandboxFaults::Task<SandboxFaults::Problem> SandboxFaults::settle_app(PartPtr part) {
  Problem problem;
  if (part->is_away()) co_return problem;  // later, when it is back
  const auto on_it = [&](auto matches) {
    return last([&](const Fault& one) { return matches(one.kind) && is_on(one, part); });
  };
  const Fault* stopped = on_it([](FaultKind kind) { return !app_state(kind).empty(); });
  const Fault* answer = on_it([](FaultKind kind) { return kind == FaultKind::answer; });
  const Fault* slow = on_it([](FaultKind kind) { return kind == FaultKind::slow; });
  const std::string state{stopped ? app_state(stopped->kind) : "running"};
  const auto wanted_answer = answer ? std::optional<Fault>{*answer} : std::nullopt;
  scenario::Millis wanted_slow = slow ? slow->by : 0ms;
  const std::string url = part->url();
  if (part->state != state) {
    const std::string command = url + "/_control/state/" + state;
    problem = co_await control(part->name, command);
    if (problem.empty()) part->state = state;
  }
  if (problem.empty() && part->answer != wanted_answer) {
    const std::string command =
        url + "/_control/" + (wanted_answer ? answer_command(*wanted_answer) : "heal");
    problem = co_await control(part->name, command);
    if (problem.empty()) part->answer = wanted_answer;
    if (!wanted_answer) part->slow = 0ms;  // healed with it
  }
  if (problem.empty() && part->slow != wanted_slow) {
    const std::string command = url + "/_control/slow?ms=" + std::to_string(wanted_slow.count());
    problem = co_await control(part->name, command);
    if (problem.empty()) part->slow = wanted_slow;
  }
  co_return problem;
}

std::string SandboxFaults::link_query(const EndpointParts& endpoint) const {
  LinkWish wish;
  for (const Fault& fault : active_)
    if (parts_->find_endpoint(fault.target) == &endpoint &&
        !(is_app_fault(fault.kind) && endpoint.is_stand_in()))
      wish.add(fault);
  return wish.query();
}

SandboxFaults::Task<SandboxFaults::Problem> SandboxFaults::settle_link(EndpointParts* endpoint) {
  while (endpoint->changing) co_await pause(5ms);
  const Turn turn{endpoint};
  Problem problem;
  const std::string name = endpoint->link->name;
  const std::string url =
      "http://127.0.0.1:" + std::to_string(endpoint->control_port) + "/_control/";
  const std::string query = link_query(*endpoint);
  if (query != endpoint->link_fault) {
    const std::string command = url + (query.empty() ? "heal" : "fault?" + query);
    problem = co_await control(name, command);
    if (!problem.empty()) co_return problem;
    endpoint->link_fault = query;
  }
  const Fault* bad = last([&](const Fault& one) {
    return is_certificate_fault(one.kind) && parts_->find_endpoint(one.target) == endpoint;
  });
  const Certificates& made = parts_->certificates;
  const Certificates::Pair* wanted = !bad ? &made.good
                                     : bad->kind == FaultKind::certificate_expired
                                         ? &made.expired
                                         : &made.wrong_name;
  if (wanted == endpoint->certificate) co_return problem;
  const std::string command = url + "tls?certificate=" + percent_encoded(wanted->certificate) +
                              "&key=" + percent_encoded(wanted->key);
  problem = co_await control(name, command);
  if (problem.empty()) endpoint->certificate = wanted;
  co_return problem;
}

SandboxFaults::Task<SandboxFaults::Problem> SandboxFaults::settle_storage(StorageAccount* account) {
  const auto wanted = [&](FaultKind kind) {
    return last([&](const Fault& one) { return one.kind == kind && one.target == account->name; });
  };
  Problem problem;
  if (!wanted(FaultKind::storage_locked)) account->lock.reset();
  if (account->part->is_away()) co_return problem;  // later, when it is back
  const std::string name = account->part->name;
  const std::string url = account->part->url() + "/_control/";
  const std::string outage = wanted(FaultKind::storage_hangs)    ? "hangs"
                             : wanted(FaultKind::storage_errors) ? "errors"
                                                                 : "none";
  if (outage != account->outage) {
    const std::string command = url + "outage?mode=" + outage;
    problem = co_await control(name, command);
    if (!problem.empty()) co_return problem;
    account->outage = outage;
  }
  const bool read_only = wanted(FaultKind::storage_read_only) != nullptr;
  if (read_only != account->read_only) {
    const std::string command = url + "read-only?on=" + (read_only ? "true" : "false");
    problem = co_await control(name, command);
    if (!problem.empty()) co_return problem;
    account->read_only = read_only;
  }
  const Fault* slow = wanted(FaultKind::storage_latency);
  const scenario::Millis latency = slow ? slow->by : 0ms;
  if (latency != account->latency) {
    // An app that has a latency of its own has both.
    std::map<std::string, scenario::Millis> latencies = account->app_latency;
    latencies.emplace("", 0ms);
    for (const auto& [app, own] : latencies) {
      std::string command = url + "latency?ms=" + std::to_string((own + latency).count());
      if (!app.empty()) command += "&app=" + percent_encoded(app);
      problem = co_await control(name, command);
      if (!problem.empty()) co_return problem;
    }
    account->latency = latency;
  }
  if (wanted(FaultKind::storage_locked) && !account->lock) problem = co_await lock(account);
  co_return problem;
}

// As a backup program or another copy of the app would hold it.
SandboxFaults::Task<SandboxFaults::Problem> SandboxFaults::lock(StorageAccount* account) {
  Problem problem;
  const auto deadline = std::chrono::steady_clock::now() + 5s;
  while (std::chrono::steady_clock::now() < deadline) {
    try {
      auto database =
          std::make_unique<ledger::Database>(account->file, ledger::Database::Access::change);
      if (database->try_execute("BEGIN EXCLUSIVE")) {
        account->lock = std::move(database);
        co_return problem;
      }
    } catch (const std::exception& error) {
      problem = error.what();
      break;
    }
    co_await pause(1ms);  // the account is writing
  }
  co_return account->part->name + ": its database could not be locked" +
      (problem.empty() ? "" : ": " + problem);
}

SandboxFaults::Task<void> SandboxFaults::flap(FlapPtr flap) {
  const auto self = shared_from_this();
  Fault kill = flap->fault;
  kill.kind = FaultKind::kill;
  boost::system::error_code ignored;
  for (std::int64_t done = 0; !flap->ending && (kill.times == 0 || done < kill.times); ++done) {
    flap->problem = co_await begin(kill);
    if (!flap->ending) {
      flap->timer.expires_after(kill.down);
      co_await flap->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    const Problem problem = co_await heal(kill);
    if (flap->problem.empty()) flap->problem = problem;
    if (!flap->problem.empty()) break;
    if (!flap->ending) {
      flap->timer.expires_after(kill.up);
      co_await flap->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
  }
  flap->ended = true;
}

// It stays up, however far it came.
SandboxFaults::Task<SandboxFaults::Problem> SandboxFaults::end_flap(FlapPtr flap) {
  flap->ending = true;
  flap->timer.cancel();
  while (!flap->ended && !closed_) co_await pause(5ms);
  co_return flap->problem;
}

}  // namespace stage
