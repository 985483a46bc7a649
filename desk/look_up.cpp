// Look-ups: one question to all endpoints at once, and what their answers say together.
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <numeric>
#include <optional>

#include "desk/ask.hpp"
#include "desk/work.hpp"
#include "transport/spawn.hpp"

namespace desk {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

struct Said {  // by one endpoint
  EndpointVerdict verdict;
  bool too_large = false;
  durable::StatusAnswer answer;
};

bool looks_like_a_page(const transport::FetchResponse& response) {
  const std::string* type = transport::find_header(response.headers, "Content-Type");
  return type != nullptr && type->starts_with("text/html");
}

Said judge(const Reply& reply, bool entity) {
  Said said;
  EndpointVerdict& verdict = said.verdict;
  if (!reply) {
    // Only what exists has an answer that long: absence is an empty body.
    said.too_large = reply.error().kind == transport::FailureKind::too_large;
    verdict.verdict = said.too_large ? Verdict::found : Verdict::unclear;
    if (!said.too_large) verdict.detail = trouble_text(reply);
    return said;
  }
  verdict.status = reply->status;
  if (reply->status == 404 && reply->body.empty()) {
    verdict.verdict = Verdict::absent;
    return said;
  }
  if (reply->status == 401) {
    verdict.verdict = Verdict::refused;
    return said;
  }
  bool found = false;
  if (entity) {
    found = reply->status == 200 && !looks_like_a_page(*reply);
  } else if (reply->status != 404) {
    // Also with 500: the status of a failed one, for apps that are told to say it so.
    if (auto answer = durable::parse_status_answer(reply->body)) {
      said.answer = *std::move(answer);
      found = true;
    }
  }
  verdict.verdict = found ? Verdict::found : Verdict::unclear;
  if (!found) verdict.detail = trouble_text(reply) + (reply->body.empty() ? "" : " with a body");
  return said;
}

// Of two hubs that have it: the newest that still runs, else the newest.
bool better(const Said& a, const Said& b) {
  const auto runs = [](const Said& said) {
    return !said.answer.runtime_status.empty() &&
           !durable::is_final_status(said.answer.runtime_status);
  };
  if (runs(a) != runs(b)) return runs(a);
  return a.answer.created_time > b.answer.created_time;  // none is older than any
}

// The answers as they come in; shared with the requests, which may outlast the wait for them.
struct Round {
  Round(const asio::any_io_executor& executor, std::size_t size)
      : said(size), news{executor, TimePoint::max()}, enough{executor, TimePoint::max()} {}
  std::vector<Said> said;  // by place in the picture
  std::size_t open = 0;
  bool found = false;
  asio::steady_timer news;    // canceled when an answer came
  asio::steady_timer enough;  // canceled when no further answer matters
};

asio::awaitable<void> ask(std::shared_ptr<Round> round, std::size_t i,
                          transport::FetchRequest request, bool entity) {
  using asio::experimental::awaitable_operators::operator||;
  auto asking = transport::fetch(std::move(request));
  auto waiting = round->enough.async_wait(as_result);
  auto either = std::move(asking) || std::move(waiting);
  auto first = co_await std::move(either);
  if (const Reply* reply = std::get_if<0>(&first)) {
    round->said[i] = judge(*reply, entity);
    if (round->said[i].verdict.verdict == Verdict::found) round->found = true;
  }
  --round->open;
  round->news.cancel();
}

Question question_of(const LookUp& job, std::size_t body_limit) {
  Question question;
  if (job.entity_name.empty()) {
    question.path = "instances/" + job.instance_id;
    question.query = "showInput=false";
  } else {
    question.path = "entities/" + job.entity_name + "/" + job.entity_key;
  }
  question.names_task_hub = job.names_task_hub;
  question.names_connection = job.names_connection;
  question.credential = job.credential;
  question.body_limit = body_limit;
  question.deadline = job.deadline;
  return question;
}

std::vector<std::size_t> order_of(const LookUp& job) {
  std::vector<std::size_t> order = job.order;
  std::erase_if(order, [&](std::size_t i) { return i >= job.picture->size(); });
  if (!order.empty()) return order;
  order.resize(job.picture->size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

Found conclude(const LookUp& job, const std::vector<std::size_t>& order, std::vector<Said> said) {
  Found found;
  std::optional<std::size_t> best;
  bool unclear = false;
  for (const std::size_t i : order) {
    const Verdict verdict = said[i].verdict.verdict;
    if (verdict == Verdict::found && (!best || better(said[i], said[*best]))) best = i;
    unclear = unclear || verdict == Verdict::unclear || verdict == Verdict::refused;
    if (verdict != Verdict::found && verdict != Verdict::absent)
      found.away.push_back((*job.picture)[i].name);
  }
  for (const Said& each : said) found.verdicts.push_back(each.verdict);
  if (best) {
    found.outcome = Found::Outcome::at;
    found.endpoint = *best;
    found.status = said[*best].verdict.status;
    found.too_large = said[*best].too_large;
    found.answer = std::move(said[*best].answer);
  } else if (unclear) {
    found.outcome = Found::Outcome::cannot_tell;
  } else {
    found.outcome =
        found.away.empty() ? Found::Outcome::absent_everywhere : Found::Outcome::absent_but_away;
  }
  return found;
}

}  // namespace

asio::awaitable<Found> run_look_up(LookUp job, std::size_t body_limit,
                                   std::chrono::milliseconds second_opinion) {
  const auto executor = co_await asio::this_coro::executor;
  const std::vector<std::size_t> order = order_of(job);
  const Question question = question_of(job, body_limit);
  auto round = std::make_shared<Round>(executor, job.picture->size());
  for (const std::size_t i : order) {
    const DeskEndpoint& endpoint = (*job.picture)[i];
    EndpointVerdict& verdict = round->said[i].verdict;
    if (endpoint.away || verdict.verdict == Verdict::unclear) continue;  // asked already
    verdict.verdict = Verdict::unclear;
    verdict.detail = "no answer in time";
    ++round->open;
    transport::spawn(executor, "look-up",
                     ask(round, i, request_for(endpoint, question), !job.entity_name.empty()));
  }
  std::optional<TimePoint> limit;
  while (round->open > 0) {
    if (round->found && !limit) limit = std::min(job.deadline, Clock::now() + second_opinion);
    if (limit && Clock::now() >= *limit) break;
    round->news.expires_at(limit.value_or(TimePoint::max()));
    co_await round->news.async_wait(as_result);
  }
  round->enough.cancel();
  const std::vector<Said> said = round->said;  // a request under way may still write there
  co_return conclude(job, order, said);
}

}  // namespace desk
