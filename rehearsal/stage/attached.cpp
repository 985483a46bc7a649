#include "rehearsal/stage/attached.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "rehearsal/stage/call.hpp"
#include "rehearsal/stage/part_control.hpp"
#include "transport/spawn.hpp"

namespace stage {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using nlohmann::json;
using scenario::FaultKind;

namespace {

constexpr const char* lasts = "10s";  // without a word from us
constexpr auto renew_every = 2s;

// What the proxy's upstream leg can play of a fault; nothing when it cannot.
std::optional<scenario::Fault> as_link_fault(scenario::Fault fault) {
  switch (fault.kind) {
    case FaultKind::kill:
      fault.kind = FaultKind::refuse;
      return fault;
    case FaultKind::freeze:
    case FaultKind::unreachable:
      fault.kind = FaultKind::blackhole;
      return fault;
    case FaultKind::stopped:
      fault.kind = FaultKind::answer;
      fault.status = 403;
      return fault;
    case FaultKind::host_down:
    case FaultKind::app_offline:
      fault.kind = FaultKind::answer;
      fault.status = 503;
      return fault;
    case FaultKind::answer:
    case FaultKind::slow:
    case FaultKind::cut_body:
    case FaultKind::refuse:
    case FaultKind::reset:
    case FaultKind::blackhole:
    case FaultKind::delay:
    case FaultKind::limit:
      return fault;
    default:
      return std::nullopt;
  }
}

class Attached final : public Scene {
 public:
  Attached(asio::any_io_executor executor, const scenario::Scenario& scenario,
           AttachOptions options)
      : executor_{std::move(executor)}, scenario_{scenario}, options_{std::move(options)} {}
  ~Attached() override { *over_ = true; }

  Task<Problem> raise() override;
  Task<void> end() override;
  Task<Problem> begin(const scenario::Fault& fault) override { return set(fault); }
  Task<Problem> heal(const scenario::Fault& fault) override { return unset(fault); }
  Task<Problem> operate(const scenario::Operate& operate) override { return command(operate); }

  std::string proxy_url() const override { return options_.target; }
  std::string admin_url() const override { return options_.admin; }
  std::string admin_token() const override { return options_.token; }

  Task<Problem> collect_executions(verdict::RunRecord& record) override {
    record.executions_known = false;
    co_return std::string{};
  }
  Task<verdict::Account> account() override {
    verdict::Account nothing;
    co_return nothing;
  }
  Task<std::string> lease_owner() override { co_return std::string{}; }
  const std::vector<verdict::AccountFailover>& failovers() const override { return none_; }
  std::vector<std::pair<std::string, std::string>> versions() const override { return versions_; }

 private:
  Task<Problem> set(scenario::Fault fault);
  Task<Problem> unset(scenario::Fault fault);
  Task<Problem> command(scenario::Operate operate);
  Task<Problem> post(std::string path);
  Task<void> renew(std::shared_ptr<bool> over);
  std::string fault_path(const std::string& endpoint) const;
  Call call_of(std::string method, const std::string& path) const;

  asio::any_io_executor executor_;
  const scenario::Scenario& scenario_;
  AttachOptions options_;
  std::vector<scenario::Fault> faults_;  // that hold
  std::vector<verdict::AccountFailover> none_;
  std::vector<std::pair<std::string, std::string>> versions_;
  std::shared_ptr<bool> over_ = std::make_shared<bool>(false);
};

Call Attached::call_of(std::string method, const std::string& path) const {
  Call made;
  made.method = std::move(method);
  made.url = options_.admin + path;
  if (!options_.token.empty())
    made.headers.emplace_back("Authorization", "Bearer " + options_.token);
  return made;
}

Scene::Task<Scene::Problem> Attached::post(std::string path) {
  const Call request = call_of("POST", path);
  const Answer answer = co_await call(request);
  std::string problem;
  if (answer.status >= 200 && answer.status < 300) co_return problem;
  const json told = json::parse(answer.body, nullptr, false);
  problem = "the proxy did not take " + path.substr(0, path.find('?')) + ": ";
  if (answer.status == 0)
    problem += answer.problem;
  else if (told.is_object() && told.contains("detail") && told["detail"].is_string())
    problem += told["detail"].get<std::string>();
  else
    problem += "status " + std::to_string(answer.status);
  co_return problem;
}

// The proxy answers, knows the endpoints of the steps, and lets us break them.
Scene::Task<Scene::Problem> Attached::raise() {
  const Call request = call_of("GET", "/api/status");
  const Answer answer = co_await call(request);
  std::string problem;
  const json status = json::parse(answer.body, nullptr, false);
  if (answer.status != 200 || !status.is_object() || !status.contains("endpoints")) {
    problem = "no proxy answers at " + options_.admin + ": " +
              (answer.status == 0 ? answer.problem : "status " + std::to_string(answer.status));
    co_return problem;
  }
  for (const scenario::Endpoint& endpoint : scenario_.topology.endpoints) {
    const auto& known = status["endpoints"];
    const bool found = std::any_of(known.begin(), known.end(), [&](const json& one) {
      return one.value("name", "") == endpoint.name;
    });
    if (found) continue;
    problem = "the running proxy has no endpoint \"" + endpoint.name + "\"";
    co_return problem;
  }
  for (const scenario::Step& step : scenario_.steps) {
    const auto* fault = std::get_if<scenario::Fault>(&step);
    if (!fault) continue;
    if (!as_link_fault(*fault) || !scenario::find_endpoint(scenario_, fault->target)) {
      problem = scenario::describe(step) + ": cannot be played in a running proxy's upstream leg";
      co_return problem;
    }
  }
  // Healing what is not broken says whether faults are allowed, and changes nothing.
  if (!scenario_.topology.endpoints.empty()) {
    const std::string path =
        "/api/faults/heal?endpoint=" + percent_encoded(scenario_.topology.endpoints.front().name);
    problem = co_await post(path);
    if (!problem.empty()) co_return problem;
  }
  versions_.emplace_back("understudy (running)", status.value("version", "unknown"));
  transport::spawn(executor_, "rehearsal: renew faults", renew(over_));
  co_return problem;
}

std::string Attached::fault_path(const std::string& endpoint) const {
  LinkWish wish;
  for (const scenario::Fault& fault : faults_)
    if (fault.target == endpoint) wish.add(fault);
  std::string query = wish.query();
  if (!query.empty()) query += '&';
  return "/api/faults?" + query + "for=" + lasts + "&endpoint=" + percent_encoded(endpoint);
}

Scene::Task<Scene::Problem> Attached::set(scenario::Fault fault) {
  const auto played = as_link_fault(fault);
  std::string problem;
  if (!played) {
    problem = scenario::describe(fault) + ": cannot be played here";
    co_return problem;
  }
  faults_.push_back(*played);
  const std::string path = fault_path(fault.target);
  problem = co_await post(path);
  co_return problem;
}

Scene::Task<Scene::Problem> Attached::unset(scenario::Fault fault) {
  const auto played = as_link_fault(fault);
  std::string problem;
  if (!played) co_return problem;
  const auto found = std::find(faults_.begin(), faults_.end(), *played);
  if (found != faults_.end()) faults_.erase(found);
  const bool others = std::any_of(faults_.begin(), faults_.end(),
                                  [&](const auto& one) { return one.target == fault.target; });
  const std::string path = others ? fault_path(fault.target)
                                  : "/api/faults/heal?endpoint=" + percent_encoded(fault.target);
  problem = co_await post(path);
  co_return problem;
}

// The proxy heals what it has not heard of for a while.
Scene::Task<void> Attached::renew(std::shared_ptr<bool> over) {
  asio::steady_timer timer{executor_};
  boost::system::error_code ignored;
  while (!*over) {
    timer.expires_after(renew_every);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (*over) co_return;
    const std::vector<scenario::Fault> present = faults_;
    for (const scenario::Fault& fault : present) {
      if (*over || std::find(faults_.begin(), faults_.end(), fault) == faults_.end()) continue;
      const std::string path = fault_path(fault.target);
      const Problem problem = co_await post(path);
      static_cast<void>(problem);  // the next renewal, or the end of the fault, will tell
    }
  }
}

Scene::Task<Scene::Problem> Attached::command(scenario::Operate operate) {
  using scenario::Operation;
  std::string problem;
  if (operate.operation == Operation::account_failover_planned ||
      operate.operation == Operation::account_failover_unplanned) {
    problem = "a real storage account is not failed over by a rehearsal";
    co_return problem;
  }
  const std::string name{to_string(operate.operation)};
  const bool of_endpoint =
      operate.operation <= Operation::undrain || operate.operation == Operation::makeprimary;
  const std::string path = of_endpoint
                               ? "/api/endpoints/" + percent_encoded(operate.target) + "/" + name
                               : "/api/" + name;
  problem = co_await post(path);
  co_return problem;
}

Scene::Task<void> Attached::end() {
  *over_ = true;
  const std::vector<scenario::Fault> left = faults_;
  for (const scenario::Fault& fault : left) {
    const Problem problem = co_await unset(fault);
    static_cast<void>(problem);  // it heals by itself
  }
}

}  // namespace

std::unique_ptr<Scene> make_attached(asio::any_io_executor executor,
                                     const scenario::Scenario& scenario, AttachOptions options) {
  return std::make_unique<Attached>(std::move(executor), scenario, std::move(options));
}

}  // namespace stage
