// makeprimary at one endpoint, and the check of `durable.task_hub` against all of them.
#include "desk/ask.hpp"
#include "desk/work.hpp"
#include "durable/query.hpp"

namespace desk {
namespace {

namespace asio = boost::asio;
using durable::HubSample;

std::string trouble_at(const DeskEndpoint& endpoint, const Reply& reply) {
  if (reply && reply->status == 401)
    return endpoint.name + (endpoint.durable_key.empty()
                                ? " wants a key: set keys.durable of this endpoint"
                                : " refuses its keys.durable");
  return endpoint.name + " did not answer as a hub does: " + trouble_text(reply);
}

asio::awaitable<Reply> ask_for(const DeskEndpoint& endpoint, std::string id, TimePoint deadline) {
  const Question question =
      own_question("instances/" + durable::percent_encode(id), "showInput=false", deadline);
  auto asking = transport::fetch(request_for(endpoint, question));
  co_return co_await std::move(asking);
}

bool is_absent(const Reply& reply) {
  return reply && reply->status == 404 && reply->body.empty();
}

// Whether `other` knows the instance that `holder` lists.
asio::awaitable<HubSample> sample(const DeskEndpoint& holder, const DeskEndpoint& other,
                                  durable::StatusAnswer listed, TimePoint deadline) {
  HubSample sample{holder.name, other.name, HubSample::Kind::trouble, ""};
  auto asking = ask_for(other, listed.instance_id, deadline);
  const Reply reply = co_await std::move(asking);
  if (is_absent(reply)) {
    auto again = ask_for(holder, listed.instance_id, deadline);
    const Reply still = co_await std::move(again);
    if (is_absent(still))
      sample.kind = HubSample::Kind::gone;
    else if (still && durable::parse_status_answer(still->body))
      sample.kind = HubSample::Kind::absent;
    else
      sample.reason = trouble_at(holder, still);
    co_return sample;
  }
  const auto elsewhere = reply ? durable::parse_status_answer(reply->body) : std::nullopt;
  if (elsewhere) sample.kind = durable::compare_instances(listed, *elsewhere);
  if (sample.kind == HubSample::Kind::trouble) sample.reason = trouble_at(other, reply);
  co_return sample;
}

asio::awaitable<std::vector<HubSample>> samples_of(const DeskPicture& picture, std::size_t i,
                                                   TimePoint deadline) {
  const DeskEndpoint& holder = picture[i];
  const Question question = own_question("instances", "top=1&showInput=false", deadline);
  auto asking = transport::fetch(request_for(holder, question));
  const Reply reply = co_await std::move(asking);
  durable::FirstListed listed;
  if (reply && reply->status == 200) listed = durable::parse_first_listed(reply->body);
  std::vector<HubSample> samples;
  for (std::size_t j = 0; j < picture.size(); ++j) {
    if (j == i) continue;
    HubSample each{holder.name, picture[j].name, HubSample::Kind::trouble, ""};
    if (!listed.well_formed) {
      each.reason = trouble_at(holder, reply);
    } else if (!listed.first) {
      each.kind = HubSample::Kind::empty;
    } else {
      auto sampling = sample(holder, picture[j], *listed.first, deadline);
      each = co_await std::move(sampling);
    }
    samples.push_back(std::move(each));
  }
  co_return samples;
}

}  // namespace

asio::awaitable<durable::HubClaim> run_hub_claim(HubClaimJob job) {
  std::vector<HubSample> samples;
  for (std::size_t i = 0; i < job.picture->size(); ++i) {
    auto sampling = samples_of(*job.picture, i, job.deadline);
    auto more = co_await std::move(sampling);
    for (HubSample& each : more) samples.push_back(std::move(each));
  }
  co_return durable::judge_hub_claim(job.claimed, samples);
}

asio::awaitable<MakePrimaryResult> run_make_primary(MakePrimaryJob job) {
  using Outcome = MakePrimaryResult::Outcome;
  MakePrimaryResult result;
  if (job.endpoint >= job.picture->size()) co_return result;
  Question question = own_question("makeprimary", "", job.deadline);
  question.method = "POST";
  auto asking = transport::fetch(request_for((*job.picture)[job.endpoint], question));
  const Reply reply = co_await std::move(asking);
  if (!reply) {
    result.outcome = reply.error().unsent ? Outcome::not_sent : Outcome::unknown;
  } else {
    result.status = reply->status;
    // A gateway's own answer says nothing about the app behind it.
    const bool of_a_gateway = result.status == 502 || result.status == 504;
    result.outcome = result.status / 100 == 2 ? Outcome::accepted
                     : of_a_gateway           ? Outcome::unknown
                                              : Outcome::refused;
  }
  if (result.outcome != Outcome::accepted) result.detail = trouble_text(reply);
  co_return result;
}

}  // namespace desk
