#include "desk/hub_desk.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "desk/ask.hpp"
#include "desk/job_queue.hpp"
#include "desk/work.hpp"
#include "transport/spawn.hpp"

namespace desk {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds usual_time{60};  // for who names no deadline

TimePoint bounded(TimePoint deadline) {
  if (deadline != TimePoint::max()) return deadline;
  return std::chrono::steady_clock::now() + usual_time;
}

// Only who asks the same thing of the same endpoints with the same right may share an answer.
std::string join_key_of(const LookUp& job) {
  std::string key = "look-up";
  const auto add = [&key](std::string_view part) {
    key += '\n' + std::to_string(part.size()) + ':';
    key += part;
  };
  add(std::to_string(reinterpret_cast<std::uintptr_t>(job.picture.get())));
  add(job.instance_id);
  add(job.entity_name);
  add(job.entity_key);
  for (const std::size_t i : job.order) add(std::to_string(i));
  add(job.names_task_hub ? "h" : "");
  add(job.names_connection ? "c" : "");
  add(job.credential.may_use_keys ? "k" : "");
  add(job.credential.header_key);
  add(job.credential.code);
  return key;
}

bool is_the_end(Unserved why) {
  return why == Unserved::stopped || why == Unserved::interrupted;
}

Found look_up_unserved(Unserved why) {
  Found found;
  found.outcome = why == Unserved::overloaded ? Found::Outcome::overloaded
                  : is_the_end(why)           ? Found::Outcome::stopped
                                              : Found::Outcome::cannot_tell;
  return found;
}

Answer answer_unserved(Unserved why) {
  if (is_the_end(why))
    return problem(Answer::Outcome::stopped, 503, "shutting_down", "the proxy is shutting down");
  return problem(Answer::Outcome::overloaded, 503, "overloaded",
                 "too many requests that need an answer of every region are open");
}

MakePrimaryResult make_primary_unserved(Unserved why) {
  MakePrimaryResult result;
  if (why == Unserved::interrupted) result.outcome = MakePrimaryResult::Outcome::unknown;
  result.detail = "the desk had no time for it";
  return result;
}

StartResult start_unserved(Unserved why) {
  StartResult result;
  // It may have been sent, and nobody waits for the answer any more.
  if (why == Unserved::interrupted) result.ending = StartResult::Ending::timed_out;
  return result;
}

TerminateResult terminate_unserved(Unserved) {
  return {};
}

durable::HubClaim claim_unserved(Unserved) {
  durable::HubClaim claim;
  claim.message = "the endpoints were not asked";
  return claim;
}

// A job whose work is `run(parameters, deadline)`.
template <class Result, class Job, class Run>
std::shared_ptr<JobOf<Result>> make_job(Job job, Run run, Result (*unserved)(Unserved)) {
  auto open = std::make_shared<JobOf<Result>>();
  open->deadline = bounded(job.deadline);
  open->work = [shared = std::make_shared<const Job>(std::move(job)), run](TimePoint deadline) {
    Job copy = *shared;
    copy.deadline = deadline;
    return run(std::move(copy));
  };
  open->unserved = unserved;
  return open;
}

asio::awaitable<void> keep_claim(HubClaimJob job, durable::HubClaim& claim) {
  auto running = run_hub_claim(std::move(job));
  claim = co_await std::move(running);
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::not_asked:
      return "not_asked";
    case Verdict::absent:
      return "absent";
    case Verdict::found:
      return "found";
    case Verdict::refused:
      return "refused";
    case Verdict::unclear:
      break;
  }
  return "unclear";
}

std::string_view to_string(Found::Outcome outcome) {
  switch (outcome) {
    case Found::Outcome::at:
      return "at";
    case Found::Outcome::absent_everywhere:
      return "absent_everywhere";
    case Found::Outcome::absent_but_away:
      return "absent_but_away";
    case Found::Outcome::overloaded:
      return "overloaded";
    case Found::Outcome::stopped:
      return "stopped";
    case Found::Outcome::cannot_tell:
      break;
  }
  return "cannot_tell";
}

std::string_view to_string(Answer::Outcome outcome) {
  switch (outcome) {
    case Answer::Outcome::served:
      return "served";
    case Answer::Outcome::relayed:
      return "relayed";
    case Answer::Outcome::bad_token:
      return "bad_token";
    case Answer::Outcome::in_part:
      return "in_part";
    case Answer::Outcome::overloaded:
      return "overloaded";
    case Answer::Outcome::stopped:
      return "stopped";
    case Answer::Outcome::missing:
      break;
  }
  return "missing";
}

std::string_view to_string(MakePrimaryResult::Outcome outcome) {
  switch (outcome) {
    case MakePrimaryResult::Outcome::accepted:
      return "accepted";
    case MakePrimaryResult::Outcome::refused:
      return "refused";
    case MakePrimaryResult::Outcome::not_sent:
      return "not_sent";
    case MakePrimaryResult::Outcome::unknown:
      break;
  }
  return "unknown";
}

std::string_view to_string(StartResult::Ending ending) {
  switch (ending) {
    case StartResult::Ending::connect_failed:
      return "connect_failed";
    case StartResult::Ending::answered:
      return "answered";
    case StartResult::Ending::ended_by_peer:
      return "ended_by_peer";
    case StartResult::Ending::timed_out:
      return "timed_out";
    case StartResult::Ending::not_sent:
      break;
  }
  return "not_sent";
}

class HubDesk::Impl {
 public:
  explicit Impl(const DeskLimits& limits_in) : limits{limits_in}, jobs{limits_in} {}
  const DeskLimits limits;
  JobQueue jobs;
};

HubDesk::HubDesk(DeskLimits limits) : impl_{std::make_unique<Impl>(limits)} {}
HubDesk::~HubDesk() = default;

void HubDesk::look_up(LookUp job, std::function<void(Found)> done) {
  std::string key = join_key_of(job);
  const auto run = [limits = impl_->limits](LookUp each) {
    return run_look_up(std::move(each), limits.look_up_body, limits.second_opinion);
  };
  auto open = make_job<Found>(std::move(job), run, look_up_unserved);
  open->join_key = std::move(key);
  open->only_for_early = [](const Found& found) {
    return found.outcome == Found::Outcome::absent_everywhere ||
           found.outcome == Found::Outcome::absent_but_away;
  };
  impl_->jobs.submit(std::move(open), std::move(done));
}

void HubDesk::list(ListJob job, std::function<void(Answer)> done) {
  const auto run = [limit = impl_->limits.list_body](ListJob each) {
    return run_list(std::move(each), limit);
  };
  impl_->jobs.submit(make_job<Answer>(std::move(job), run, answer_unserved), std::move(done));
}

void HubDesk::purge(PurgeJob job, std::function<void(Answer)> done) {
  impl_->jobs.submit(make_job<Answer>(std::move(job), run_purge, answer_unserved), std::move(done));
}

void HubDesk::make_primary(MakePrimaryJob job, std::function<void(MakePrimaryResult)> done) {
  impl_->jobs.submit(
      make_job<MakePrimaryResult>(std::move(job), run_make_primary, make_primary_unserved),
      std::move(done));
}

void HubDesk::start(StartJob job, std::function<void(StartResult)> done) {
  impl_->jobs.submit(make_job<StartResult>(std::move(job), run_start, start_unserved),
                     std::move(done));
}

void HubDesk::terminate(TerminateJob job, std::function<void(TerminateResult)> done) {
  impl_->jobs.submit(make_job<TerminateResult>(std::move(job), run_terminate, terminate_unserved),
                     std::move(done));
}

void HubDesk::check_hub_claim(HubClaimJob job, std::function<void(durable::HubClaim)> done) {
  impl_->jobs.submit(make_job<durable::HubClaim>(std::move(job), run_hub_claim, claim_unserved),
                     std::move(done));
}

DeskCounts HubDesk::counts() const {
  return impl_->jobs.counts();
}

void HubDesk::stop() {
  impl_->jobs.stop();
}

durable::HubClaim check_hub_claim_blocking(HubClaimJob job) {
  job.deadline = bounded(job.deadline);
  durable::HubClaim claim;
  asio::io_context io{1};
  transport::spawn(io.get_executor(), "check of task_hub", keep_claim(std::move(job), claim));
  io.run();
  return claim;
}

}  // namespace desk
