// What the running App does about Durable Functions beside the data path: follows the app lease,
// checks the claim about the task hub, tells what is wrong.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "app/running_app.hpp"
#include "app/take_picture.hpp"
#include "config/words.hpp"

namespace app {
namespace {

namespace asio = boost::asio;
using Clock = health::Clock;
using health::EndpointId;
using health::MonitorStatus;
using Outcome = desk::MakePrimaryResult::Outcome;

constexpr std::chrono::seconds makeprimary_limit{10};
constexpr std::chrono::seconds claim_limit{30};  // an app that starts may take that long

WallTime wall_now() {
  return std::chrono::system_clock::now();
}

}  // namespace

DurableView App::durable_view() const {
  DurableView out;
  out.task_hub = to_string(config_->durable.task_hub);
  out.time_scale = options_.time_scale;
  out.directory = directory_.status();
  out.directory_path = ledger_settings_.directory.path;
  if (start_ledger_) out.starts = start_ledger_->status();
  // One database: the directory knows what the disk said.
  if (out.starts && !out.starts->disk_ok && !out.directory.disk_message.empty())
    out.starts->disk_message = out.directory.disk_message;
  out.desk = desk_.counts();
  out.hub_claim = claim_.view();
  out.lease = lease_.view(Clock::now(), wall_now());
  return out;
}

std::vector<Alert> App::conditions() {
  std::vector<Alert> out = alert_conditions(*config_, board_.snapshot(), router_.table());
  std::vector<std::string> refusing;
  for (const EndpointId id : registry_.ids())
    if (key_refusals_.risen(id, Clock::now())) refusing.emplace_back(registry_.name_of(id));
  for (Alert& alert : fault_alerts()) out.push_back(std::move(alert));
  if (auto alert = shortage_alert()) out.push_back(std::move(*alert));
  const DurableView durable = durable_view();
  for (Alert& alert : durable_alerts(durable, refusing)) out.push_back(std::move(alert));
  if (!durable.starts) return out;
  starts_.sample(*durable.starts, Clock::now());
  for (Alert& alert : starts_.alerts(*durable.starts, Clock::now()))
    out.push_back(std::move(alert));
  return out;
}

// The claim ---------------------------------------------------------------------------------------

void App::check_hub_claim(const std::vector<health::EndpointHealth>& endpoints) {
  const auto online =
      std::count_if(endpoints.begin(), endpoints.end(), [](const health::EndpointHealth& e) {
        return e.status == MonitorStatus::online || e.status == MonitorStatus::unmonitored;
      });
  const health::TimePoint now = Clock::now();
  if (draining_ || !claim_.due(static_cast<std::size_t>(online), now)) return;
  desk::HubClaimJob job;
  job.picture = desk_picture_;
  job.claimed = config_->durable.task_hub;
  job.deadline = now + claim_limit;
  desk_.check_hub_claim(
      std::move(job), [this, question = claim_.asked()](durable::HubClaim claim) {  // the desk's
        asio::post(io_, [this, question, claim = std::move(claim)] {
          const auto news = claim_.answered(question, claim, Clock::now(), wall_now());
          if (news) log_.write(history_.durable("hub_claim", *news, wall_now()));
          update_alerts();
        });
      });
}

// The lease ---------------------------------------------------------------------------------------

void App::watch_lease() {
  const health::TimePoint now = Clock::now();
  lease_.see(board_.snapshot(), router_.table().active, now);
  if (const auto news = lease_.news(now)) log_.write(history_.durable("lease", *news, wall_now()));
  const durable::LeaseStep step = lease_.decide(now);
  const bool send = step.action == durable::LeaseStep::Action::send_makeprimary;
  if (send && !making_primary_ && !draining_) {
    const EndpointId id = registry_.ids()[step.endpoint];
    lease_.makeprimary_sent(id, now);
    send_makeprimary(id, "durable.lease.follow", {});
  }
  const auto wake = lease_.next_wake(now);
  if (!wake) {
    lease_timer_.cancel();
    return;
  }
  lease_timer_.expires_at(*wake);
  lease_timer_.async_wait([this](const boost::system::error_code& canceled) {
    if (!canceled) watch_lease();
  });
}

void App::send_makeprimary(EndpointId id, const std::string& who,
                           std::function<void(ActionResult)> done) {
  desk::MakePrimaryJob job;
  job.picture = desk_picture_;
  job.endpoint = static_cast<std::size_t>(
      std::find(registry_.ids().begin(), registry_.ids().end(), id) - registry_.ids().begin());
  job.deadline = Clock::now() + makeprimary_limit;
  making_primary_ = true;
  desk_.make_primary(std::move(job), [this, id, who, done = std::move(done)](
                                         desk::MakePrimaryResult result) {  // on the desk's thread
    asio::post(io_, [this, id, who, done, result = std::move(result)] {
      making_primary_ = false;
      ActionResult outcome = makeprimary_answered(id, who, result);
      if (done) done(std::move(outcome));
    });
  });
}

ActionResult App::makeprimary_answered(EndpointId id, const std::string& who,
                                       const desk::MakePrimaryResult& result) {
  const std::string name{registry_.name_of(id)};
  ActionResult out;
  switch (result.outcome) {
    case Outcome::accepted:
      lease_.makeprimary_accepted(id, Clock::now());
      out = {ActionResult::Kind::done,
             fmt::format("{} accepted makeprimary: the app that has the lease gives it up at its "
                         "next renewal, at most {} s from now",
                         name, std::chrono::duration<double>(lease_.timing().renew).count())};
      break;
    case Outcome::refused:
      out = {ActionResult::Kind::failed,
             fmt::format("{} refused makeprimary with {}{}", name, result.status,
                         result.status / 100 == 4 || result.status == 500
                             ? ": is useAppLease on in its host.json, and keys.durable right?"
                             : "")};
      break;
    case Outcome::not_sent:
      out = {ActionResult::Kind::failed,
             fmt::format("makeprimary did not reach {}{}{}; nothing has changed", name,
                         result.detail.empty() ? "" : ": ", result.detail)};
      break;
    case Outcome::unknown:
      out = {ActionResult::Kind::no_answer,
             fmt::format("makeprimary was sent to {}, but no answer of the app came back ({}): it "
                         "may have been taken; it is safe to send it again",
                         name, result.detail)};
      break;
  }
  log_.write(
      history_.durable("makeprimary", fmt::format("{}, sent by {}", out.message, who), wall_now()));
  watch_lease();
  update_alerts();
  return out;
}

void App::makeprimary(const std::string& name, std::function<void(ActionResult)> done) {
  const EndpointId id = registry_.id_of(name);
  if (id == health::no_endpoint) return done(unknown_endpoint(name));
  std::string refusal = lease_.refusal(Clock::now());
  if (refusal.empty() && draining_) refusal = "the proxy is shutting down";
  if (refusal.empty() && making_primary_) refusal = "another one is under way";
  if (!refusal.empty())
    return done({ActionResult::Kind::refused,
                 fmt::format("makeprimary was not sent to {}: {}", name, refusal)});
  send_makeprimary(id, "an operator", std::move(done));
}

}  // namespace app
