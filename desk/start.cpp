// A start that the ledger sends itself, and the end of an instance that nobody wants any more.
#include "desk/ask.hpp"
#include "desk/work.hpp"
#include "durable/query.hpp"

namespace desk {
namespace {

namespace asio = boost::asio;
using transport::FailureKind;
using Ending = StartResult::Ending;

// Enough for a 202 with its URLs, and for the text of any refusal worth telling.
constexpr std::size_t kept_body = 16 * 1024;

// The instance must come to be, or is sought, in the hub that this endpoint is configured with.
Question post(std::string path, TimePoint deadline) {
  Question question = own_question(std::move(path), "", deadline);
  question.method = "POST";
  question.names_task_hub = question.names_connection = true;
  question.body_limit = kept_body;
  question.cut_body = true;
  return question;
}

Question start_of(const StartJob& job) {
  std::string path = "orchestrators/" + durable::percent_encode(job.function);
  if (!job.id.empty()) path += "/" + durable::percent_encode(job.id);
  Question question = post(std::move(path), job.deadline);
  if (!job.content_type.empty()) question.headers.emplace_back("Content-Type", job.content_type);
  if (job.body) question.body = *job.body;
  return question;
}

// What is neither an answer nor the peer's doing is an end of our own making, which proves least.
Ending ending_of(const transport::Failure& failure) {
  if (failure.unsent) return Ending::connect_failed;
  switch (failure.kind) {
    case FailureKind::reset:
    case FailureKind::closed:
    case FailureKind::tls:  // an alert instead of an answer
      return Ending::ended_by_peer;
    default:
      return Ending::timed_out;
  }
}

}  // namespace

asio::awaitable<StartResult> run_start(StartJob job) {
  StartResult result;
  if (job.endpoint >= job.picture->size()) co_return result;
  const DeskEndpoint& endpoint = (*job.picture)[job.endpoint];
  const Question question = start_of(job);
  result.own_key = uses_own_key(endpoint, question.credential);
  auto asking = transport::fetch(request_for(endpoint, question));
  Reply reply = co_await std::move(asking);
  if (!reply) {
    result.ending = ending_of(reply.error());
    co_return result;
  }
  result.ending = Ending::answered;
  result.status = reply->status;
  if (const std::string* type = transport::find_header(reply->headers, "Content-Type"))
    result.content_type = *type;
  result.body = std::move(reply->body);
  result.whole = reply->whole;
  co_return result;
}

asio::awaitable<TerminateResult> run_terminate(TerminateJob job) {
  TerminateResult result;
  if (job.endpoint >= job.picture->size()) co_return result;
  const Question question =
      post("instances/" + durable::percent_encode(job.id) + "/terminate", job.deadline);
  auto asking = transport::fetch(request_for((*job.picture)[job.endpoint], question));
  const Reply reply = co_await std::move(asking);
  if (!reply) co_return result;
  result.status = reply->status;
  // A 404 with a page is not the hub's: of a host that has no app, or a gateway.
  const bool absent = result.status == 404 && reply->body.empty() && reply->whole;
  result.delivered = result.status == 202 || result.status == 410 || absent;
  co_return result;
}

}  // namespace desk
