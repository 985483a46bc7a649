#include "rehearsal/orchestration_worker.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "rehearsal/hub_json.hpp"
#include "rehearsal/hub_wire.hpp"

namespace rehearsal {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t most_running = 500;
constexpr std::size_t most_per_exchange = 50;  // leaves some for the other app of a shared hub
constexpr std::chrono::milliseconds shortest_pause{10};

}  // namespace

OrchestrationWorker::OrchestrationWorker(asio::any_io_executor executor, const AppOptions& options,
                                         StorageClient& storage, std::function<bool()> may_run)
    : options_{options},
      storage_{storage},
      may_run_{std::move(may_run)},
      timer_{executor},
      app_lease_{options, storage} {}

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
      co_await app_lease_.act(steady_clock::now());
      co_await exchange();
    } else {
      running_.clear();  // a host that is stopped forgets; its leases run out
      app_lease_.forget();
    }
    next_poll_ = steady_clock::now() + std::min(options_.poll_interval, options_.lease / 3);
    co_await wait_until_due();
  }
  if (may_run_() && !running_.empty()) co_await exchange();
}

asio::awaitable<void> OrchestrationWorker::wait_until_due() {
  TimePoint due = std::min(next_poll_, app_lease_.due());
  for (const auto& [id, running] : running_) due = std::min(due, running.ends);
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
  out.app = options_.name;
  out.lease = options_.lease;
  out.release = stopping_;
  out.orchestrates = app_lease_.owns();
  out.functions = options_.functions;
  const std::size_t room = most_running - std::min(most_running, running_.size());
  if (app_lease_.owns() || !options_.activities_need_lease)
    out.capacity = std::min(room, most_per_exchange);
  for (const auto& [id, running] : running_) {
    const Activity& activity = running.activity;
    if (running.ends <= now) {
      ActivityReport done;
      done.id = id;
      done.epoch = activity.epoch;
      done.result = json_string("step " + std::to_string(activity.step) + " of " +
                                std::to_string(activity.of) + " on " + options_.name);
      out.finished.push_back(std::move(done));
    } else {
      ActivityLease lease;
      lease.id = id;
      lease.epoch = activity.epoch;
      out.held.push_back(lease);
    }
  }
  return out;
}

asio::awaitable<void> OrchestrationWorker::exchange() {
  const TimePoint now = steady_clock::now();
  const WorkReport sent = report(now);
  const std::string body = write_report(sent);
  const auto answer = co_await storage_.call("POST", options_.hub, "/work", body);
  // Storage away: everything stays due and is reported with the next exchange; the hub ignores
  // what it already knows, and refuses it when the lease went to somebody else meanwhile.
  if (!answer || answer->status != 200) {
    for (auto& [id, running] : running_)
      running.ends = std::max(running.ends, now + options_.poll_interval);
    co_return;
  }
  if (const auto got = read_answer(answer->body)) apply(sent, *got, steady_clock::now());
}

void OrchestrationWorker::apply(const WorkReport& sent, const WorkAnswer& answer, TimePoint now) {
  for (const std::int64_t id : answer.lost) running_.erase(id);
  for (const ActivityReport& done : sent.finished)
    if (running_.erase(done.id) == 1) ++activities_reported_;
  for (const Activity& activity : answer.activities) {
    Running& running = running_[activity.id];
    running.activity = activity;
    running.ends = now + activity.time;
    ++activities_started_;
  }
  if (answer.more && running_.size() < most_running) nudged_ = true;
}

}  // namespace rehearsal
