// A purge over all endpoints, one after another: the first failure stops it, and what was deleted
// until then is told.
#include <nlohmann/json.hpp>
#include <optional>

#include "desk/ask.hpp"
#include "desk/work.hpp"
#include "durable/merged_list.hpp"

namespace desk {
namespace {

namespace asio = boost::asio;

struct Deleted {
  std::string endpoint;
  std::uint64_t count = 0;
};

std::optional<std::uint64_t> deleted_count(const transport::FetchResponse& response) {
  if (response.status == 404 && response.body.empty()) return 0;
  if (response.status != 200) return std::nullopt;
  const auto json = nlohmann::json::parse(response.body, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto count = json.find("instancesDeleted");
  if (count == json.end() || !count->is_number_unsigned()) return std::nullopt;
  return count->get<std::uint64_t>();
}

std::uint64_t total(const std::vector<Deleted>& deleted) {
  std::uint64_t sum = 0;
  for (const Deleted& each : deleted) sum += each.count;
  return sum;
}

Answer stopped_at(const std::vector<Deleted>& deleted, const std::string& endpoint,
                  const Reply& reply) {
  std::string detail;
  for (const Deleted& each : deleted)
    detail += each.endpoint + " deleted " + std::to_string(each.count) + "; ";
  const bool unsent = !reply && reply.error().unsent;
  detail += endpoint + (unsent ? " was not reached and deleted nothing ("
                               : " did not confirm and may have deleted some (");
  detail += trouble_text(reply) + "). Purging again is safe";
  const bool clean = unsent && total(deleted) == 0;
  return problem(Answer::Outcome::in_part, clean ? 503 : 502, "purged_in_part", std::move(detail),
                 {endpoint});
}

}  // namespace

asio::awaitable<Answer> run_purge(PurgeJob job) {
  const durable::ListQuery query = durable::parse_list_query(job.query);
  std::vector<std::string> missing = names_of_away(*job.picture);
  if (missing.size() == job.picture->size() || (!missing.empty() && !query.partial))
    co_return missing_regions(std::move(missing));
  Question question;
  question.method = "DELETE";
  question.path = "instances";
  question.query = query.rest;
  question.names_task_hub = query.names_task_hub;
  question.names_connection = query.names_connection;
  question.credential = job.credential;
  question.deadline = job.deadline;

  std::vector<Deleted> deleted;
  for (const DeskEndpoint& endpoint : *job.picture) {
    if (endpoint.away) continue;
    auto asking = transport::fetch(request_for(endpoint, question));
    const Reply reply = co_await std::move(asking);
    const auto count = reply ? deleted_count(*reply) : std::nullopt;
    if (count) {
      deleted.push_back(Deleted{endpoint.name, *count});
      continue;
    }
    if (reply && reply->status == 400 && deleted.empty()) {  // the client's query: in its words
      Answer answer;
      answer.outcome = Answer::Outcome::relayed;
      answer.status = reply->status;
      answer.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
      answer.body = reply->body;
      co_return answer;
    }
    co_return stopped_at(deleted, endpoint.name, reply);
  }
  Answer answer;
  if (!missing.empty()) answer.headers.emplace_back("X-Understudy-Partial", join_names(missing));
  answer.missing = std::move(missing);
  const std::uint64_t sum = total(deleted);
  if (sum == 0) {
    answer.status = 404;
  } else {
    answer.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
    answer.body = "{\"instancesDeleted\":" + std::to_string(sum) + "}";
  }
  co_return answer;
}

}  // namespace desk
