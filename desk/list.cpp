// Lists over all endpoints as one, behind what waits in the ledger: page after page, endpoint after
// endpoint.
#include <algorithm>

#include "desk/ask.hpp"
#include "desk/waiting_rows.hpp"
#include "desk/work.hpp"
#include "durable/merged_list.hpp"

namespace desk {
namespace {

namespace asio = boost::asio;
constexpr const char* continuation_header = "x-ms-continuation-token";

// Whose rows are in the ledger, in a continuation token. No endpoint's name is empty.
constexpr const char* the_ledger = "";

std::vector<const DeskEndpoint*> endpoints_of(const ListJob& job) {
  std::vector<const DeskEndpoint*> endpoints;
  for (const std::size_t i : job.order)
    if (i < job.picture->size()) endpoints.push_back(&(*job.picture)[i]);
  if (job.order.empty())
    for (const DeskEndpoint& each : *job.picture) endpoints.push_back(&each);
  return endpoints;
}

struct Walk {  // through the endpoints, for one page
  Walk(ListJob job_in, std::size_t limit_in)
      : job{std::move(job_in)},
        limit{limit_in},
        query{durable::parse_list_query(job.query)},
        waiting{job.entities ? std::vector<std::string>{} : std::move(job.waiting), job.query},
        page{query.top},
        picture{endpoints_of(job)} {}

  ListJob job;
  std::size_t limit;
  durable::ListQuery query;
  WaitingRows waiting;
  durable::MergedPage page;
  std::vector<const DeskEndpoint*> picture;   // those that are asked
  std::size_t at = 0;                         // endpoint
  std::string token;                          // its own
  std::uint32_t skip = 0;                     // items of its page that an earlier page of ours had
  std::optional<durable::ListPosition> next;  // where the next page begins
  std::vector<std::string> missing;

  // One endpoint alone is that of a shared hub: its own tokens are good wherever the hub is asked,
  // by us or not, so they go through as they are.
  bool alone() const { return picture.size() == 1 && !job.order.empty(); }
  bool begin();  // false: the token is none of ours
  void begin_with_waiting(std::size_t skipped);
  Question question() const;
  std::size_t add(const std::vector<std::string_view>& items);
  bool take(const transport::FetchResponse& response);  // false: no list
  void move_on();
  std::vector<std::string> away() const;  // names of those to come that are
  Answer answer();
};

bool Walk::begin() {
  if (job.continuation_token.empty()) {
    begin_with_waiting(0);
    return true;
  }
  auto position = durable::decode_list_token(job.continuation_token);
  if (!position) {
    if (alone()) token = job.continuation_token;
    return alone();
  }
  if (position->endpoint == the_ledger) {
    begin_with_waiting(position->skip);
    return true;
  }
  const auto found = std::find_if(picture.begin(), picture.end(), [&](const DeskEndpoint* each) {
    return each->name == position->endpoint;
  });
  if (found == picture.end() && !alone()) return false;
  at = found == picture.end() ? 0 : static_cast<std::size_t>(found - picture.begin());
  token = std::move(position->token);
  skip = position->skip;
  return true;
}

// The ledger's rows may change between two pages: one that went meanwhile is in a hub, and another
// one may so be passed over. There are more than fit one page only in bad times.
void Walk::begin_with_waiting(std::size_t skipped) {
  const std::vector<std::string_view> rows{waiting.passed().begin(), waiting.passed().end()};
  const std::size_t used = page.add(rows, std::min(skipped, rows.size()));
  if (!page.full() || picture.empty()) return;
  const bool more = used < rows.size();
  next = durable::ListPosition{more ? the_ledger : picture.front()->name, "",
                               more ? static_cast<std::uint32_t>(used) : 0};
}

Question Walk::question() const {
  Question question;
  question.path = job.entities ? "entities" : "instances";
  if (job.entities && !job.entity_name.empty()) question.path += "/" + job.entity_name;
  question.query = query.rest;
  if (const auto room = page.room()) {
    if (!question.query.empty()) question.query += '&';
    question.query += "top=" + std::to_string(*room + skip);
  }
  if (!token.empty()) question.headers.emplace_back(continuation_header, token);
  question.names_task_hub = query.names_task_hub;
  question.names_connection = query.names_connection;
  question.credential = job.credential;
  question.body_limit = limit;
  question.deadline = job.deadline;
  return question;
}

std::size_t Walk::add(const std::vector<std::string_view>& items) {
  const std::size_t first = std::min<std::size_t>(skip, items.size());
  if (waiting.passed().empty()) return page.add(items, first);
  for (std::size_t i = first; i < items.size(); ++i) {
    if (page.full()) return i;
    if (!waiting.shows(items[i])) page.add({items[i]}, 0);
  }
  return items.size();
}

void Walk::move_on() {
  ++at;
  token.clear();
  skip = 0;
}

bool Walk::take(const transport::FetchResponse& response) {
  if (response.status != 200) return false;
  const auto items = durable::split_json_array(response.body);
  if (!items) return false;
  const std::size_t used = add(*items);
  const std::string* more = transport::find_header(response.headers, continuation_header);
  if (used < items->size()) {  // it sent more than it was asked for
    next = durable::ListPosition{picture[at]->name, token, static_cast<std::uint32_t>(used)};
  } else if (more != nullptr && !more->empty() && *more != token) {
    next = durable::ListPosition{picture[at]->name, *more, 0};
  } else if (at + 1 < picture.size() && (page.full() || page.bytes() >= limit)) {
    next = durable::ListPosition{picture[at + 1]->name, "", 0};
  }
  move_on();
  return true;
}

std::vector<std::string> Walk::away() const {
  std::vector<std::string> names;
  for (std::size_t i = at; i < picture.size(); ++i)
    if (picture[i]->away) names.push_back(picture[i]->name);
  return names;
}

Answer Walk::answer() {
  Answer answer;
  answer.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
  if (next) {
    const bool as_is = alone() && next->skip == 0 && !next->token.empty();
    answer.headers.emplace_back(continuation_header,
                                as_is ? next->token : durable::encode_list_token(*next));
  }
  if (!missing.empty()) answer.headers.emplace_back("X-Understudy-Partial", join_names(missing));
  answer.missing = std::move(missing);
  answer.body = page.body();
  return answer;
}

Answer relayed(const transport::FetchResponse& response) {
  Answer answer;
  answer.outcome = Answer::Outcome::relayed;
  answer.status = response.status;
  if (const std::string* type = transport::find_header(response.headers, "Content-Type"))
    answer.headers.emplace_back("Content-Type", *type);
  answer.body = response.body;
  return answer;
}

// The client's own mistake is told in the app's words: its query, or (when it brought the only key)
// its key.
bool is_clients_fault(const transport::FetchResponse& response, const Walk& walk) {
  if (response.status == 400) return true;
  return response.status == 401 && !uses_own_key(*walk.picture[walk.at], walk.job.credential) &&
         !walk.query.partial;
}

}  // namespace

asio::awaitable<Answer> run_list(ListJob job, std::size_t body_limit) {
  Walk walk{std::move(job), body_limit};
  if (!walk.begin())
    co_return problem(Answer::Outcome::bad_token, 400, "bad_continuation_token",
                      "this continuation token is not one of this list, or its endpoint is not "
                      "there any more: begin again without a token");
  const std::size_t first = walk.at;
  if (!walk.query.partial) {
    auto away = walk.away();
    if (!away.empty()) co_return missing_regions(std::move(away));
  }
  while (walk.at < walk.picture.size() && !walk.next) {
    const DeskEndpoint& endpoint = *walk.picture[walk.at];
    bool served = false;
    if (!endpoint.away) {
      auto asking = transport::fetch(request_for(endpoint, walk.question()));
      const Reply reply = co_await std::move(asking);
      if (reply && is_clients_fault(*reply, walk)) co_return relayed(*reply);
      served = reply && walk.take(*reply);
    }
    if (served) continue;
    walk.missing.push_back(endpoint.name);
    if (!walk.query.partial) co_return missing_regions(std::move(walk.missing));
    walk.move_on();
  }
  const bool nothing = walk.page.bytes() == 0 && walk.missing.size() == walk.picture.size() - first;
  if (nothing) co_return missing_regions(std::move(walk.missing));
  co_return walk.answer();
}

}  // namespace desk
