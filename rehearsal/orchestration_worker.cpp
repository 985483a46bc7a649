#include "rehearsal/orchestration_worker.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "rehearsal/hub_json.hpp"

namespace rehearsal {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t most_running = 500;
constexpr std::size_t most_per_exchange = 50;  // leaves some for the other app of a shared hub
constexpr std::chrono::milliseconds shortest_pause{10};

const std::string& lease_name(const AppOptions& options) {
  return options.site_name.empty() ? options.name : options.site_name;
}

}  // namespace

OrchestrationWorker::OrchestrationWorker(asio::any_io_executor executor, const AppOptions& options,
                                         StorageClient& storage, std::function<bool()> may_run)
    : options_{options},
      storage_{storage},
      may_run_{std::move(may_run)},
      timer_{std::move(executor)} {}

void OrchestrationWorker::nudge() {
  nudged_ = true;
  timer_.cancel();
}

void OrchestrationWorker::stop() {
  stopping_ = true;
  nudge();
}

asio::awaitable<void> OrchestrationWorker::run() {
  while (!stopping_) {
    if (may_run_()) {
      co_await exchange();
    } else {
      running_.clear();  // a host that is stopped forgets; its leases run out
    }
    next_poll_ = steady_clock::now() + std::min(options_.poll_interval, options_.lease / 3);
    co_await wait_until_due();
  }
  if (may_run_() && !running_.empty()) co_await exchange();
}

asio::awaitable<void> OrchestrationWorker::wait_until_due() {
  TimePoint due = next_poll_;
  for (const auto& [id, instance] : running_) due = std::min(due, instance.step_ends);
  due = std::max(due, steady_clock::now() + shortest_pause);
  if (!nudged_) {
    timer_.expires_at(due);
    boost::system::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  nudged_ = false;
}

WorkReport OrchestrationWorker::report(TimePoint now) const {
  WorkReport out;
  out.app = lease_name(options_);
  out.lease = options_.lease;
  out.release = stopping_;
  const std::size_t room = most_running - std::min(most_running, running_.size());
  out.capacity = std::min(room, most_per_exchange);
  for (const auto& [id, instance] : running_) {
    if (instance.step_ends <= now) {
      StepReport step;
      step.id = id;
      step.epoch = instance.epoch;
      step.step = instance.steps_done + 1;
      step.result = json_string("step " + std::to_string(step.step) + " of " +
                                std::to_string(instance.plan.steps) + " on " + options_.name);
      // The last report ends the instance, and its lease with it.
      if (step.step < instance.plan.steps) out.held.push_back(Lease{id, instance.epoch});
      out.steps.push_back(std::move(step));
    } else {
      out.held.push_back(Lease{id, instance.epoch});
    }
  }
  return out;
}

asio::awaitable<void> OrchestrationWorker::exchange() {
  const TimePoint now = steady_clock::now();
  const WorkReport sent = report(now);
  std::string body = write_report(sent);
  std::string method = "POST";
  std::string path = "/work";
  const auto answer =
      co_await storage_.call(std::move(method), options_.hub, std::move(path), std::move(body));
  // Storage away: everything stays due and is reported with the next exchange; the hub ignores
  // what it already knows, and refuses it when the lease went to somebody else meanwhile.
  if (!answer || answer->status != 200) {
    for (auto& [id, instance] : running_)
      instance.step_ends = std::max(instance.step_ends, now + options_.poll_interval);
    co_return;
  }
  if (const auto got = read_answer(answer->body)) apply(sent, *got, steady_clock::now());
}

void OrchestrationWorker::apply(const WorkReport& sent, const WorkAnswer& answer, TimePoint now) {
  for (const std::string& id : answer.lost) running_.erase(id);
  for (const StepReport& step : sent.steps) {
    const auto found = running_.find(step.id);
    if (found == running_.end()) continue;
    ++activities_reported_;
    found->second.steps_done = step.step;
    if (step.step >= found->second.plan.steps) {
      running_.erase(found);
      continue;
    }
    found->second.step_ends = now + found->second.plan.step_time;
    ++activities_started_;
  }
  for (const Work& work : answer.work) {
    Running instance;
    instance.epoch = work.epoch;
    instance.plan = work.plan;
    instance.steps_done = work.steps_done;
    instance.step_ends = now + work.plan.step_time;
    running_[work.id] = std::move(instance);
    ++activities_started_;
  }
}

}  // namespace rehearsal
