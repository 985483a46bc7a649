#include "app/ledger_hub.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "durable/query.hpp"
#include "durable/status_answer.hpp"
#include "health/evidence.hpp"

namespace app {
namespace {

using Clock = std::chrono::steady_clock;
using ledger::AttemptEnding;
using ledger::HubSays;
using ledger::Look;
using ledger::LookResult;

constexpr std::chrono::seconds question_limit{10};  // as for the workers' look-ups

// As many starts may be open at once as max_waiting says; they wait here for their turn.
desk::DeskLimits replay_limits() {
  desk::DeskLimits limits;
  limits.queue = 1 << 16;
  limits.waiters = 1 << 17;
  return limits;
}

std::optional<std::size_t> index_of(const HubView& view, ledger::Place place) {
  const auto found = std::find(view.places.begin(), view.places.end(), place);
  if (place == ledger::no_place || found == view.places.end() || !view.picture) return std::nullopt;
  const auto index = static_cast<std::size_t>(found - view.places.begin());
  if (index >= view.picture->size()) return std::nullopt;
  return index;
}

// Of the one endpoint that was asked; a job that was turned away has no verdicts at all.
desk::Verdict verdict_of(const desk::Found& found, std::size_t endpoint) {
  return endpoint < found.verdicts.size() ? found.verdicts[endpoint].verdict
                                          : desk::Verdict::not_asked;
}

}  // namespace

Look look_of(const desk::Found& found, std::size_t endpoint) {
  switch (verdict_of(found, endpoint)) {
    case desk::Verdict::found:
      return {LookResult::found, found.answer.created_time};
    case desk::Verdict::absent:
      return {LookResult::absent, std::nullopt};
    default:
      return {};
  }
}

HubSays hub_says(const desk::Found& found, std::size_t endpoint) {
  switch (verdict_of(found, endpoint)) {
    case desk::Verdict::found:
      if (found.too_large) return HubSays::cannot_be_asked;  // it is there, but is it over?
      return durable::is_final_status(found.answer.runtime_status) ? HubSays::finished
                                                                   : HubSays::alive;
    case desk::Verdict::absent:
      return HubSays::absent;
    default:
      return HubSays::cannot_be_asked;
  }
}

ledger::AttemptReport report_of(const desk::StartResult& result) {
  using Ending = desk::StartResult::Ending;
  ledger::AttemptReport report;
  report.our_key = result.own_key;
  switch (result.ending) {
    case Ending::connect_failed:
      report.ending = AttemptEnding::connect_failed;
      return report;
    case Ending::ended_by_peer:
      report.ending = AttemptEnding::peer_closed;
      return report;
    case Ending::timed_out:
      report.ending = AttemptEnding::timed_out;
      return report;
    case Ending::not_sent:
      report.ending = AttemptEnding::nothing_sent;
      return report;
    case Ending::answered:
      break;
  }
  report.ending = AttemptEnding::answered;
  report.status = result.status;
  // A page that is not whole may be a function's own text that begins like it.
  report.proves_not_run =
      result.whole && health::proves_not_run(result.status, result.content_type, result.body);
  report.says_exists = ledger::says_already_exists(result.status, result.body);
  return report;
}

std::shared_ptr<const ledger::StoredAnswer> answer_to_keep(const desk::StartResult& result,
                                                           const config::Secret& key) {
  if (result.ending != desk::StartResult::Ending::answered || result.status < 300) return nullptr;
  auto answer = std::make_shared<ledger::StoredAnswer>();
  answer->status = result.status;
  const bool repeats_key = !key.empty() && result.body.find(key.reveal()) != std::string::npos;
  const bool fits = result.whole && result.body.size() <= ledger::longest_answer;
  if (!fits || repeats_key) return answer;  // half of an answer misleads more than none
  answer->content_type = result.content_type;
  answer->body = result.body;
  return answer;
}

LedgerHub::LedgerHub(desk::HubDesk& look_ups)
    : look_ups_{look_ups}, replays_{replay_limits()}, view_{std::make_shared<const HubView>()} {}

void LedgerHub::publish(HubView view) {
  view_.publish(std::make_shared<const HubView>(std::move(view)));
}

void LedgerHub::stop() {
  replays_.stop();
}

void LedgerHub::ask(ledger::Place place, const std::string& id,
                    std::function<void(std::optional<desk::Found>, std::size_t)> done) {
  const auto view = view_.snapshot();
  const auto endpoint = index_of(*view, place);
  if (!endpoint) return done(std::nullopt, 0);
  desk::LookUp question;
  question.picture = view->picture;
  question.instance_id = durable::percent_encode(id);
  question.order = {*endpoint};
  question.credential.may_use_keys = true;
  question.deadline = Clock::now() + question_limit;
  look_ups_.look_up(std::move(question),
                    [endpoint = *endpoint, done = std::move(done)](desk::Found found) {
                      done(std::move(found), endpoint);
                    });
}

void LedgerHub::look_up(ledger::Place place, const std::string& id,
                        std::function<void(Look)> done) {
  ask(place, id, [done = std::move(done)](std::optional<desk::Found> found, std::size_t endpoint) {
    done(found ? look_of(*found, endpoint) : Look{});
  });
}

void LedgerHub::ask_hub(ledger::Place place, const std::string& id,
                        std::function<void(HubSays)> done) {
  ask(place, id, [done = std::move(done)](std::optional<desk::Found> found, std::size_t endpoint) {
    done(found ? hub_says(*found, endpoint) : HubSays::cannot_be_asked);
  });
}

void LedgerHub::send(ledger::SendJob job, std::function<void(ledger::SendResult)> done) {
  const auto view = view_.snapshot();
  const auto endpoint = index_of(*view, job.place);
  if (!endpoint) {  // a reload took it away
    ledger::SendResult result;
    result.report.ending = AttemptEnding::nothing_sent;
    return done(std::move(result));
  }
  desk::StartJob start;
  start.picture = view->picture;
  start.endpoint = *endpoint;
  start.function = std::move(job.function);
  start.id = std::move(job.id);
  start.content_type = std::move(job.content_type);
  start.body = std::move(job.body);
  start.deadline = Clock::now() + view->first_byte;
  replays_.start(std::move(start), [picture = view->picture, endpoint = *endpoint,
                                    done = std::move(done)](desk::StartResult answered) {
    ledger::SendResult result;
    result.report = report_of(answered);
    result.answer = answer_to_keep(answered, (*picture)[endpoint].durable_key);
    done(std::move(result));
  });
}

void LedgerHub::terminate(ledger::Place place, const std::string& id,
                          std::function<void(bool)> done) {
  const auto view = view_.snapshot();
  const auto endpoint = index_of(*view, place);
  if (!endpoint) return done(false);
  desk::TerminateJob job;
  job.picture = view->picture;
  job.endpoint = *endpoint;
  job.id = id;
  job.deadline = Clock::now() + question_limit;
  look_ups_.terminate(std::move(job), [done = std::move(done)](desk::TerminateResult result) {
    done(result.delivered);
  });
}

}  // namespace app
