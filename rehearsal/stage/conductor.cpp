#include "rehearsal/stage/conductor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "rehearsal/stage/call.hpp"
#include "transport/spawn.hpp"

namespace stage {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using scenario::Millis;
using scenario::Until;
using verdict::At;
using verdict::RequestKind;

namespace {

constexpr Millis tick_length{20};
constexpr Millis quiet_time{700};  // nothing new was executed for so long: nothing will be
constexpr Millis longest_quiet_wait{8'000};

std::string seconds_text(At time) {
  return fmt::format("{:.1f} s", std::chrono::duration<double>(time).count());
}

bool is_trouble(const verdict::Request& request) {
  return !request.trouble.empty();
}

}  // namespace

Conductor::Conductor(asio::any_io_executor executor, const scenario::Scenario& scenario,
                     Scene& scene, const Clock& clock, verdict::RunRecord& record,
                     Progress& progress, StopCondition stop)
    : executor_{executor},
      scenario_{scenario},
      scene_{scene},
      clock_{clock},
      record_{record},
      progress_{progress},
      stop_{stop},
      timer_{executor} {
  if (stop_.time_limit == 0ms) stop_.time_limit = scenario.limit;
  if (!scenario.topology.endpoints.empty())
    record_.best_endpoint =
        std::min_element(scenario.topology.endpoints.begin(), scenario.topology.endpoints.end(),
                         [](const auto& a, const auto& b) { return a.priority < b.priority; })
            ->name;
}

void Conductor::interrupt() {
  if (record_.interrupted) return;
  record_.interrupted = true;
  progress_.line("stop", "interrupted: everything is healed first; once more ends at once", '!');
}

Conductor::Task<void> Conductor::tick() {
  timer_.expires_after(tick_length);
  boost::system::error_code ignored;
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

Conductor::Task<void> Conductor::play() {
  raising_ = true;
  progress_.line("start", "starting " + std::string{"the parts"});
  const Problem problem = co_await scene_.raise();
  raising_ = false;
  if (!problem.empty()) {
    record_.aborted = problem;
    progress_.line("start", problem, '!');
  } else if (!over()) {
    progress_.line("start", "all parts are ready; clients use " + scene_.proxy_url(), '+');
    co_await perform();
  }
  co_await scene_.end();
  record_.failovers = scene_.failovers();
  record_.ended = clock_.now();
  progress_.finish();
}

Conductor::Task<void> Conductor::perform() {
  load_ = std::make_unique<Load>(executor_, scenario_.load, scene_.proxy_url(), clock_, record_);
  watch_ =
      std::make_unique<Watch>(executor_, scene_.admin_url(), scene_.admin_token(), clock_, record_);
  watch_->begin();
  load_->begin();
  looking_around_ = true;
  transport::spawn(executor_, "rehearsal: look around", look_around());

  record_.steady_before.emplace();
  const bool steady = co_await wait_steady(*record_.steady_before);
  progress_.line("steady", record_.steady_before->detail, steady ? '+' : '!');
  if (!steady && !over())
    record_.aborted = "the steady state was not reached: " + record_.steady_before->detail;
  if (!over()) {
    record_.normal = co_await scene_.account();
    co_await play_steps();
  }
  const std::string all;
  const Problem problem = co_await heal(all);
  if (!problem.empty() && record_.aborted.empty())
    record_.aborted = "could not be healed: " + problem;
  if (!over() && scenario_.steady_after) {
    record_.steady_after.emplace();
    const bool again = co_await wait_steady(*record_.steady_after);
    progress_.line("steady", "again: " + record_.steady_after->detail, again ? '+' : '!');
  }
  co_await settle();
  ended_ = true;
  while (looking_around_) co_await tick();
  load_.reset();
  watch_.reset();
}

// Steady: over the last `lasts` requests were answered, few failed, and they were quick.
Conductor::Task<bool> Conductor::wait_steady(verdict::SteadyResult& result) {
  const scenario::Steady& steady = scenario_.steady;
  const At began = clock_.now();
  while (!over()) {
    const At now = clock_.now();
    if (now - began >= steady.lasts) {
      result = measure(now - steady.lasts, now);
      if (result.held || now - began >= steady.within) break;
    }
    co_await tick();
  }
  result.began = began;
  result.ended = clock_.now();
  co_return result.held;
}

verdict::SteadyResult Conductor::measure(At from, At to) const {
  verdict::SteadyResult result;
  std::vector<At> latencies;
  std::size_t requests = 0, failed = 0;
  for (auto request = record_.requests.rbegin(); request != record_.requests.rend(); ++request) {
    // Requests are noted as they end: one that began in the window can stand behind by no more
    // than the patience of its client.
    if (request->ended < from - scenario_.load.patience) break;
    if (request->ended < from || request->ended > to) continue;
    ++requests;
    failed += is_trouble(*request);
    latencies.push_back(request->ended - request->due);
  }
  if (requests == 0) {
    result.detail = "no request was answered in " + seconds_text(to - from);
    return result;
  }
  const auto index = static_cast<std::size_t>(0.95 * static_cast<double>(latencies.size() - 1));
  std::nth_element(latencies.begin(), latencies.begin() + static_cast<std::ptrdiff_t>(index),
                   latencies.end());
  result.p95 = std::chrono::duration_cast<Millis>(latencies[index]);
  result.errors = static_cast<double>(failed) / static_cast<double>(requests);
  const auto& steady = scenario_.steady;
  result.held = result.errors <= steady.errors_below &&
                (!steady.p95_below || result.p95 <= *steady.p95_below);
  result.detail = fmt::format("{} requests in {}, {} failed, p95 {} ms", requests,
                              seconds_text(to - from), failed, result.p95.count());
  return result;
}

Conductor::Task<void> Conductor::play_steps() {
  for (const scenario::Step& step : scenario_.steps) {
    if (over()) co_return;
    const std::string text = scenario::describe(step);
    const std::size_t index = record_.steps.size();
    record_.steps.emplace_back();
    record_.steps[index].text = text;
    record_.steps[index].began = clock_.now();
    Problem problem;
    std::string_view kind = "wait";
    if (const auto* fault = std::get_if<scenario::Fault>(&step)) {
      kind = "fault";
      const scenario::Fault one = *fault;
      problem = co_await play(one);
    } else if (const auto* heal_step = std::get_if<scenario::Heal>(&step)) {
      kind = "heal";
      const scenario::Heal one = *heal_step;
      problem = co_await play(one);
    } else if (const auto* operate = std::get_if<scenario::Operate>(&step)) {
      kind = "operate";
      const scenario::Operate one = *operate;
      problem = co_await play(one);
    } else {
      const scenario::WaitUntil one = std::get<scenario::WaitUntil>(step);
      problem = co_await play(one);
    }
    verdict::StepResult& result = record_.steps[index];
    result.ended = clock_.now();
    result.done = problem.empty();
    result.detail = problem.empty() ? seconds_text(result.ended - result.began) : problem;
    progress_.line(kind, text + ": " + result.detail, result.done ? '+' : '!');
  }
}

Conductor::Task<Conductor::Problem> Conductor::play(scenario::Fault fault) {
  const std::size_t span = record_.faults.size();
  record_.faults.emplace_back();
  record_.faults[span].text = scenario::describe(fault);
  record_.faults[span].kind = fault.kind;
  record_.faults[span].target = fault.target;
  const At began = clock_.now();
  record_.faults[span].began = last_change_ = began;
  // In the list before it is begun: what fails half-way is healed too.
  std::optional<At> until;
  Millis lasts = fault.lasts;
  if (lasts == 0ms && fault.kind == scenario::FaultKind::flap && fault.times > 0)
    lasts = fault.times * (fault.up + fault.down);
  if (lasts > 0ms) until = began + lasts;
  const auto active = std::make_shared<Active>(span, fault, until);
  faults_.push_back(active);
  const Problem problem = co_await scene_.begin(fault);
  co_return problem;
}

Conductor::Task<Conductor::Problem> Conductor::play(scenario::Heal heal_step) {
  const std::string target = heal_step.target;
  const Problem problem = co_await heal(target);
  co_return problem;
}

Conductor::Task<Conductor::Problem> Conductor::heal(std::string target) {
  Problem all;
  const auto meant = [&target](const std::shared_ptr<Active>& one) {
    return target.empty() || one->fault.target == target;
  };
  for (;;) {
    const auto found = std::find_if(faults_.begin(), faults_.end(), meant);
    if (found == faults_.end()) break;
    const std::shared_ptr<Active> active = *found;
    if (active->healing) {  // by its time, right now
      co_await tick();
      continue;
    }
    const Problem problem = co_await heal_one(active);
    if (!problem.empty()) all += (all.empty() ? "" : "; ") + problem;
  }
  co_return all;
}

Conductor::Task<Conductor::Problem> Conductor::heal_one(std::shared_ptr<Active> active) {
  active->healing = true;
  const scenario::Fault fault = active->fault;
  const Problem problem = co_await scene_.heal(fault);
  record_.faults[active->span].ended = last_change_ = clock_.now();
  faults_.erase(std::find(faults_.begin(), faults_.end(), active));
  co_return problem;
}

Conductor::Task<Conductor::Problem> Conductor::play(scenario::Operate operate) {
  const Problem problem = co_await scene_.operate(operate);
  co_return problem;
}

Conductor::Task<Conductor::Problem> Conductor::play(scenario::WaitUntil wait) {
  const At began = clock_.now();
  const std::size_t requests_then = record_.requests.size();
  Problem problem;
  while (!over()) {
    const bool met = co_await is_met(wait, began, requests_then);
    if (met) co_return problem;
    if (clock_.now() - began >= wait.within) {
      problem = "not within " + seconds_text(wait.within);
      co_return problem;
    }
    co_await tick();
  }
  problem = record_.interrupted ? "interrupted" : "the run was ended";
  co_return problem;
}

const verdict::Glimpse* Conductor::last_glimpse() const {
  if (record_.glimpses.empty() || !record_.glimpses.back().reachable) return nullptr;
  return &record_.glimpses.back();
}

Conductor::Task<bool> Conductor::is_met(scenario::WaitUntil wait, At since,
                                        std::size_t requests_then) {
  const std::string name = wait.name;
  bool met = false;
  if (wait.until == Until::work_done_by) {
    met = co_await work_done_by(name);
  } else if (wait.until == Until::lease_at) {
    const std::string owner = co_await scene_.lease_owner();
    met = owner == name;
  } else {
    met = is_seen(wait, since, requests_then);
  }
  co_return met;
}

// What the record alone can tell.
bool Conductor::is_seen(const scenario::WaitUntil& wait, At since,
                        std::size_t requests_then) const {
  const verdict::Glimpse* glimpse = last_glimpse();
  const auto shows = [&](std::string_view status) {
    if (!glimpse) return false;
    const auto found = glimpse->status.find(wait.name);
    return found != glimpse->status.end() && found->second == status;
  };
  const auto any_request = [&](auto matches) {
    return std::any_of(record_.requests.begin() + static_cast<std::ptrdiff_t>(requests_then),
                       record_.requests.end(), [&](const verdict::Request& request) {
                         return request.sent >= since && matches(request);
                       });
  };
  switch (wait.until) {
    case Until::active:
      return glimpse && glimpse->active == wait.name;
    case Until::online:
      return shows("Online");
    case Until::degraded:
      return shows("Degraded");
    case Until::answered_by:
      return any_request([&](const verdict::Request& request) {
        return !is_trouble(request) && request.kind == RequestKind::get &&
               request.served_by == wait.name;
      });
    case Until::failing:
      return any_request(is_trouble);
    case Until::work_done:
      return std::any_of(record_.starts.begin(), record_.starts.end(), [&](const auto& start) {
        return start.said == verdict::Said::accepted && start.sent >= last_change_ &&
               start.final == "Completed";
      });
    case Until::starts_final:
      return load_->all_final();
    case Until::alert:
      return glimpse && std::find(glimpse->alerts.begin(), glimpse->alerts.end(), wait.name) !=
                            glimpse->alerts.end();
    case Until::work_done_by:
    case Until::lease_at:
      break;  // others are asked
    case Until::healed:
      return faults_.empty();
    case Until::since_fault:
      return !record_.faults.empty() && clock_.now() - record_.faults.back().began >= wait.time;
    case Until::since_heal: {
      At last{-1};
      for (const verdict::FaultSpan& span : record_.faults)
        if (span.ended) last = std::max(last, *span.ended);
      return last >= At{0} && clock_.now() - last >= wait.time;
    }
    case Until::requests:
      return record_.requests.size() - requests_then >= static_cast<std::size_t>(wait.count);
  }
  return false;
}

Conductor::Task<bool> Conductor::work_done_by(std::string name) {
  const At since = last_change_;
  verdict::RunRecord now;
  const Problem problem = co_await scene_.collect_executions(now);
  // An account that is out of order cannot be asked: not yet.
  co_return problem.empty() &&
      std::any_of(now.executions.begin(), now.executions.end(), [&](const auto& execution) {
        return execution.app == name && execution.created >= since && execution.finished;
      });
}

// Beside all else: faults whose time is over are healed, the lease is noted, limits are kept.
Conductor::Task<void> Conductor::look_around() {
  asio::steady_timer timer{executor_};
  At lease_noted{-1};
  while (!ended_) {
    progress_.look(record_);
    check_limits();
    co_await heal_what_is_due();
    if (has_lease() && (lease_noted < At{0} || clock_.now() - lease_noted >= 250ms)) {
      lease_noted = clock_.now();
      co_await note_lease();
    }
    timer.expires_after(tick_length);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  looking_around_ = false;
}

Conductor::Task<void> Conductor::heal_what_is_due() {
  const auto is_due = [this](const std::shared_ptr<Active>& one) {
    return !one->healing && one->until && (clock_.now() >= *one->until || over());
  };
  for (;;) {
    const auto found = std::find_if(faults_.begin(), faults_.end(), is_due);
    if (found == faults_.end()) co_return;
    const std::shared_ptr<Active> active = *found;
    const Problem problem = co_await heal_one(active);
    const std::string text = record_.faults[active->span].text;
    progress_.line("heal", text + (problem.empty() ? "" : ": " + problem),
                   problem.empty() ? '+' : '!');
    if (!problem.empty() && record_.aborted.empty())
      record_.aborted = "could not be healed: " + problem;
  }
}

bool Conductor::has_lease() const {
  return std::any_of(scenario_.topology.endpoints.begin(), scenario_.topology.endpoints.end(),
                     [](const scenario::Endpoint& endpoint) {
                       const auto* stand_in = std::get_if<scenario::StandIn>(&endpoint.is);
                       return stand_in && stand_in->app_lease;
                     });
}

Conductor::Task<void> Conductor::note_lease() {
  const std::string owner = co_await scene_.lease_owner();
  if (record_.lease.empty() ? owner.empty() : record_.lease.back().owner == owner) co_return;
  verdict::LeaseOwner note;
  note.at = clock_.now();
  note.owner = owner;
  record_.lease.push_back(note);
  progress_.line("lease", owner.empty() ? "the app lease is held by nobody"
                                        : "the app lease is held by " + owner);
}

void Conductor::check_limits() {
  if (over()) return;
  const At now = clock_.now();
  if (now >= stop_.time_limit) {
    record_.aborted = "the run took longer than its limit of " + seconds_text(stop_.time_limit);
    progress_.line("stop", record_.aborted, '!');
    return;
  }
  if (!stop_.error_share || record_.faults.empty()) return;
  std::size_t requests = 0, failed = 0;
  for (auto request = record_.requests.rbegin(); request != record_.requests.rend(); ++request) {
    if (request->ended < now - 5s) break;
    ++requests;
    failed += is_trouble(*request);
  }
  const double share =
      requests == 0 ? 0 : static_cast<double>(failed) / static_cast<double>(requests);
  if (requests < 20 || share <= *stop_.error_share) return;
  record_.aborted =
      fmt::format("stop condition: {:.1f} % of the requests of the last 5 s failed", share * 100);
  progress_.line("stop", record_.aborted, '!');
}

Conductor::Task<void> Conductor::settle() {
  load_->stop_sending();
  const Millis limit = record_.interrupted ? Millis{0} : 2 * scenario_.load.work + 10s;
  co_await load_->finish(limit);
  co_await watch_->finish();
  record_.end = co_await scene_.account();
  co_await collect_until_quiet();
  co_await ask_possible_duplicates();
}

Conductor::Task<void> Conductor::collect_until_quiet() {
  const At began = clock_.now();
  At since = began;
  std::size_t known = 0, finished = 0;
  Problem problem;
  do {
    verdict::RunRecord now;
    problem = co_await scene_.collect_executions(now);
    const auto done = static_cast<std::size_t>(
        std::count_if(now.executions.begin(), now.executions.end(),
                      [](const auto& execution) { return execution.finished.has_value(); }));
    if (now.executions.size() != known || done != finished) since = clock_.now();
    known = now.executions.size();
    finished = done;
    record_.executions = std::move(now.executions);
    record_.executions_known = now.executions_known;
    if (!record_.executions_known) break;
    co_await tick();
  } while (!record_.interrupted && clock_.now() - since < quiet_time &&
           clock_.now() - began < longest_quiet_wait);
  if (!problem.empty()) progress_.line("collect", problem, '!');
}

Conductor::Task<void> Conductor::ask_possible_duplicates() {
  Call request;
  request.url = scene_.admin_url() + "/api/status";
  if (!scene_.admin_token().empty()) {
    const std::string token = "Bearer " + scene_.admin_token();
    request.headers.push_back({"Authorization", token});
  }
  const Answer answer = co_await call(request);
  if (answer.status != 200) co_return;
  const auto status = nlohmann::json::parse(answer.body, nullptr, false);
  const auto starts = nlohmann::json::json_pointer{"/durable/starts/possibleDuplicates"};
  if (!status.is_discarded() && status.contains(starts) && status[starts].is_number_integer())
    record_.possible_duplicates = status[starts].get<int>();
}

}  // namespace stage
