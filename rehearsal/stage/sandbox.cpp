#include "rehearsal/stage/sandbox.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/units.hpp"
#include "rehearsal/stage/account_reader.hpp"
#include "rehearsal/stage/call.hpp"
#include "rehearsal/stage/part_control.hpp"
#include "rehearsal/stage/pause.hpp"
#include "rehearsal/stage/sandbox_faults.hpp"
#include "rehearsal/stage/sandbox_parts.hpp"
#include "transport/spawn.hpp"

namespace stage {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using nlohmann::json;
using scenario::Operation;

namespace {

constexpr std::chrono::milliseconds probed_limit{60'000};
constexpr std::chrono::milliseconds patience{3'000};  // with a part that is to end

class Sandbox final : public Scene {
 public:
  Sandbox(asio::any_io_executor executor, const scenario::Scenario& scenario, const Clock& clock,
          SandboxOptions options)
      : executor_{executor},
        scenario_{scenario},
        clock_{clock},
        options_{std::move(options)},
        parts_{std::make_shared<Parts>()},
        faults_{std::make_shared<SandboxFaults>(executor, parts_)},
        reader_{scenario, clock, failovers_, parts_} {}
  ~Sandbox() override;

  Task<Problem> raise() override;
  Task<void> end() override;
  Task<Problem> begin(const scenario::Fault& fault) override { return faults_->begin(fault); }
  Task<Problem> heal(const scenario::Fault& fault) override { return faults_->heal(fault); }
  Task<Problem> operate(const scenario::Operate& operate) override { return command(operate); }

  std::string proxy_url() const override { return parts_->proxy ? parts_->proxy->url() : ""; }
  std::string admin_url() const override { return parts_->admin_url(); }

  Task<Problem> collect_executions(verdict::RunRecord& record) override {
    return reader_.executions(record);
  }
  Task<verdict::Account> account() override { return reader_.account(); }
  Task<std::string> lease_owner() override { return reader_.lease_owner(); }

  const std::vector<verdict::AccountFailover>& failovers() const override { return failovers_; }
  std::vector<std::pair<std::string, std::string>> versions() const override { return versions_; }

 private:
  Task<Problem> wait_probed();
  Task<Problem> command(scenario::Operate operate);
  Task<Problem> fail_over(scenario::Operate operate);
  void close();
  static Task<void> end_part(PartPtr part, std::shared_ptr<std::size_t> left);

  asio::any_io_executor executor_;
  const scenario::Scenario& scenario_;
  const Clock& clock_;
  SandboxOptions options_;
  std::shared_ptr<Parts> parts_;
  std::shared_ptr<SandboxFaults> faults_;
  std::vector<verdict::AccountFailover> failovers_;
  AccountReader reader_;
  std::vector<std::pair<std::string, std::string>> versions_;
};

// Nothing is started any more, and nothing of ours is held.
void Sandbox::close() {
  parts_->closed = true;
  faults_->close();
  for (StorageAccount& account : parts_->storage) account.lock.reset();
}

Sandbox::~Sandbox() {
  close();
  for (auto level = parts_->levels.rbegin(); level != parts_->levels.rend(); ++level)
    for (const PartPtr& part : *level)
      if (part->child) part->child->kill();
}

Scene::Task<Scene::Problem> Sandbox::raise() {
  Problem problem = plan_parts(executor_, scenario_, options_, *parts_);
  if (problem.empty()) problem = co_await start_all(parts_);
  if (problem.empty()) problem = co_await wait_probed();
  co_return problem;
}

// Whatever the probes have found: in some scenarios an endpoint is never online.
Scene::Task<Scene::Problem> Sandbox::wait_probed() {
  const auto deadline = std::chrono::steady_clock::now() + probed_limit;
  Call question;
  question.url = parts_->admin_url() + "/api/status";
  for (;;) {
    const Answer answer = co_await call(question);
    std::size_t checking = 0, unprobed = 0;
    const json status =
        answer.status == 200 ? json::parse(answer.body, nullptr, false) : json::object();
    const bool known = status.is_object() && status.contains("endpoints");
    if (known) {
      for (const json& endpoint : status["endpoints"]) {
        const bool is_checking = endpoint.value("monitorStatus", "") == "CheckingEndpoint";
        checking += is_checking;
        unprobed += is_checking && endpoint.value("lastProbe", json{}).is_null();
      }
      versions_ = {{"understudy", status.value("version", "")}};
      if (checking == 0) co_return Problem{};
    }
    if (!parts_->proxy->child->running())
      co_return "the proxy ended at its start; see " + parts_->proxy->options.log_file +
          ", which ends with:\n" + parts_->proxy->child->last_lines();
    if (std::chrono::steady_clock::now() >= deadline) {
      if (known && unprobed == 0) co_return Problem{};  // many failures are tolerated here
      co_return "the proxy has not probed every endpoint within " +
          config::duration_text(probed_limit) + "; see " + parts_->proxy->options.log_file;
    }
    co_await pause(10ms);
  }
}

Scene::Task<void> Sandbox::end_part(PartPtr part, std::shared_ptr<std::size_t> left) {
  if (part->child) co_await part->child->end(patience);
  --*left;
}

Scene::Task<void> Sandbox::end() {
  close();
  // The proxy first: it would tell of endpoints that go away.
  for (auto level = parts_->levels.rbegin(); level != parts_->levels.rend(); ++level) {
    const auto left = std::make_shared<std::size_t>(level->size());
    for (const PartPtr& part : *level)
      transport::spawn(executor_, "rehearsal: end of a part", end_part(part, left));
    while (*left > 0) co_await pause(2ms);
  }
}

Scene::Task<Scene::Problem> Sandbox::command(scenario::Operate operate) {
  Problem problem;
  const bool of_account = operate.operation == Operation::account_failover_planned ||
                          operate.operation == Operation::account_failover_unplanned;
  if (of_account) {
    problem = co_await fail_over(operate);
    co_return problem;
  }
  const std::string name{to_string(operate.operation)};
  const bool of_endpoint =
      operate.operation <= Operation::undrain || operate.operation == Operation::makeprimary;
  const std::string path =
      of_endpoint ? "endpoints/" + percent_encoded(operate.target) + "/" + name : name;
  const std::string url = parts_->admin_url() + "/api/" + path;
  problem = co_await control(parts_->proxy->name, url);
  co_return problem;
}

Scene::Task<Scene::Problem> Sandbox::fail_over(scenario::Operate operate) {
  const StorageAccount* account = parts_->find_storage(operate.target);
  if (!account) co_return operate.target + ": there is no such storage account";
  verdict::AccountFailover failover;
  failover.storage = operate.target;
  failover.planned = operate.operation == Operation::account_failover_planned;
  failover.began = clock_.now();
  Call request;
  request.method = "POST";
  request.url = account->part->url() +
                "/_control/failover?kind=" + (failover.planned ? "planned" : "unplanned") +
                "&takes=" + config::duration_text(operate.takes);
  request.limit = operate.takes + 30s;
  const Answer answer = co_await call(request);
  failover.ended = clock_.now();
  const json told =
      answer.status == 200 ? json::parse(answer.body, nullptr, false) : json::object();
  if (answer.status != 200 || !told.is_object())
    co_return account->part->name +
        " did not fail over: " + (answer.status == 0 ? answer.problem : answer.body);
  if (told.contains("lastSyncTime") && told["lastSyncTime"].is_string())
    if (const auto time = parse_utc(told["lastSyncTime"].get<std::string>()))
      failover.last_sync = clock_.at(*time);
  if (told.contains("lostInstances"))
    for (const json& one : told["lostInstances"])
      failover.lost.push_back(one.value("instance", ""));
  failovers_.push_back(std::move(failover));
  co_return Problem{};
}

}  // namespace

std::unique_ptr<Scene> make_sandbox(asio::any_io_executor executor,
                                    const scenario::Scenario& scenario, const Clock& clock,
                                    SandboxOptions options) {
  return std::make_unique<Sandbox>(std::move(executor), scenario, clock, std::move(options));
}

}  // namespace stage
