#include "rehearsal/stage/account_reader.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "rehearsal/stage/call.hpp"
#include "rehearsal/stage/part_control.hpp"

namespace stage {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using nlohmann::json;
using verdict::Execution;

namespace {

constexpr int page_size = 5'000;

// Null when it did not answer well; `problem` says why.
asio::awaitable<json> ask(std::string part, std::string url, std::chrono::milliseconds limit,
                          std::string* problem) {
  Call question;
  question.url = std::move(url);
  question.limit = limit;
  const Answer answer = co_await call(question);
  json parsed;
  if (answer.status == 200) parsed = json::parse(answer.body, nullptr, false);
  if (parsed.is_object()) co_return parsed;
  *problem = part + " could not be asked: ";
  *problem += answer.status == 0 ? answer.problem : "status " + std::to_string(answer.status);
  co_return json{};
}

std::string text_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

template <class T>
T number_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_integer() ? found->get<T>() : T{};
}

// The number that the load puts into each payload.
std::optional<int> start_number(const json& run) {
  const json payload = json::parse(text_in(run, "input"), nullptr, false);
  if (!payload.is_object() || !payload.contains("start")) return std::nullopt;
  const json& number = payload["start"];
  return number.is_number_integer() ? std::optional<int>{number.get<int>()} : std::nullopt;
}

const json& list_in(const json& page, const char* name) {
  static const json none = json::array();
  const auto found = page.find(name);
  return found != page.end() && found->is_array() ? *found : none;
}

}  // namespace

std::optional<std::chrono::system_clock::time_point> parse_utc(const std::string& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, millisecond = 0, read = 0;
  const int found = std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year, &month, &day,
                                &hour, &minute, &second, &millisecond, &read);
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (found != 7 || static_cast<std::size_t>(read) != text.size() || !date.ok())
    return std::nullopt;
  return std::chrono::sys_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
         std::chrono::seconds{second} + std::chrono::milliseconds{millisecond};
}

AccountReader::AccountReader(const scenario::Scenario& scenario, const Clock& clock,
                             const std::vector<verdict::AccountFailover>& failovers,
                             std::shared_ptr<Parts> parts)
    : scenario_{scenario}, clock_{clock}, failovers_{failovers}, parts_{std::move(parts)} {}

bool AccountReader::had_failover(const std::string& storage) const {
  return std::any_of(failovers_.begin(), failovers_.end(),
                     [&](const auto& one) { return one.storage == storage; });
}

const scenario::Endpoint* AccountReader::endpoint_named(std::string_view name) const {
  for (const EndpointParts& one : parts_->endpoints)
    if (one.endpoint->name == name) return one.endpoint;
  return nullptr;
}

// A run that has ended does not change, unless a failover takes the account back: so it is asked
// for once. A wait_until asks fifty times a second.
AccountReader::Task<std::string> AccountReader::read_runs(StorageAccount* account,
                                                          std::vector<Execution>* out) {
  Known known;
  if (!had_failover(account->name)) known = known_[account->name];
  *out = known.ended;
  std::string problem;
  bool all_ended = true;
  for (std::int64_t after = known.after;;) {
    const std::string url = account->part->url() +
                            "/_control/executions?top=" + std::to_string(page_size) +
                            "&after=" + std::to_string(after);
    const json page = co_await ask(account->part->name, url, 5s, &problem);
    if (!problem.empty()) co_return problem;
    for (const json& run : list_in(page, "executions")) {
      Execution one;
      one.number = start_number(run);
      one.id = text_in(run, "instance");
      one.storage = account->name;
      one.hub = text_in(run, "hub");
      one.app = text_in(run, "app");
      one.status = text_in(run, "status");
      if (const auto time = parse_utc(text_in(run, "created"))) one.created = clock_.at(*time);
      if (const auto time = parse_utc(text_in(run, "started"))) one.started = clock_.at(*time);
      if (const auto time = parse_utc(text_in(run, "finished"))) one.finished = clock_.at(*time);
      all_ended = all_ended && one.finished.has_value();
      if (all_ended) {
        known.ended.push_back(one);
        known.after = number_in<std::int64_t>(run, "run");
      }
      out->push_back(std::move(one));
    }
    after = number_in<std::int64_t>(page, "next");
    if (after > 0) continue;
    known_[account->name] = std::move(known);
    co_return problem;
  }
}

// Accepted, and not begun by any app yet: no run tells of it.
AccountReader::Task<std::string> AccountReader::read_pending(StorageAccount* account,
                                                             std::string hub,
                                                             std::vector<Execution>* out) {
  std::string problem;
  for (std::int64_t after = 0;;) {
    const std::string url = account->part->url() + "/hubs/" + percent_encoded(hub) +
                            "/instances?statuses=Pending&top=" + std::to_string(page_size) +
                            "&after=" + std::to_string(after);
    const json page = co_await ask(account->part->name, url, 5s, &problem);
    if (!problem.empty()) co_return problem;
    for (const json& instance : list_in(page, "instances")) {
      Execution one;
      one.number = start_number(instance);
      one.id = text_in(instance, "id");
      one.storage = account->name;
      one.hub = hub;
      one.status = text_in(instance, "status");
      const std::chrono::milliseconds created{number_in<std::int64_t>(instance, "created")};
      one.created = clock_.at(std::chrono::system_clock::time_point{created});
      const auto is_run_of_it = [&one](const Execution& run) {
        return run.id == one.id && run.hub == one.hub && run.storage == one.storage &&
               run.created == one.created;
      };
      if (std::none_of(out->begin(), out->end(), is_run_of_it)) out->push_back(std::move(one));
    }
    after = number_in<std::int64_t>(page, "next");
    if (after == 0) co_return problem;
  }
}

AccountReader::Task<std::string> AccountReader::executions(verdict::RunRecord& record) {
  std::vector<Execution> all;
  std::string problem;
  // What a plain URL or a command has executed, nobody here can tell.
  bool known = !parts_->endpoints.empty();
  for (const EndpointParts& endpoint : parts_->endpoints) known = known && endpoint.is_stand_in();
  for (StorageAccount& one : parts_->storage) {
    StorageAccount* account = &one;
    if (account->hubs.empty()) continue;
    std::vector<Execution> own;
    if (account->part->is_away()) problem = account->part->name + " is away";
    if (problem.empty()) problem = co_await read_runs(account, &own);
    // These are asked of what the apps use, which an outage takes away.
    if (problem.empty() && account->outage == "none") {
      for (const std::string& hub : account->hubs) {
        const std::string name = hub;
        if (problem.empty()) problem = co_await read_pending(account, name, &own);
      }
    }
    if (!problem.empty()) break;
    all.insert(all.end(), std::make_move_iterator(own.begin()), std::make_move_iterator(own.end()));
  }
  mark_lost(all);
  record.executions = std::move(all);
  record.executions_known = known && problem.empty();
  co_return problem;
}

void AccountReader::mark_lost(std::vector<Execution>& executions) const {
  for (const verdict::AccountFailover& failover : failovers_) {
    const std::set<std::string> lost(failover.lost.begin(), failover.lost.end());
    for (Execution& one : executions)  // not what was started again afterwards
      if (one.storage == failover.storage && one.created <= failover.ended && lost.contains(one.id))
        one.lost = true;
  }
}

AccountReader::Task<verdict::Account> AccountReader::account() {
  verdict::Account out;
  for (StorageAccount& one : parts_->storage) {
    StorageAccount* account = &one;
    if (account->part->is_away()) continue;
    std::string problem;
    const std::string url = account->part->url() + "/_control/traffic";
    const json answer = co_await ask(account->part->name, url, 5s, &problem);
    for (const json& app : list_in(answer, "apps")) {
      verdict::AppTraffic traffic;
      traffic.storage = account->name;
      traffic.app = text_in(app, "app");
      if (traffic.app.empty()) continue;  // the rehearsal itself
      if (const scenario::Endpoint* endpoint = endpoint_named(traffic.app))
        traffic.region = endpoint->region;
      traffic.requests = number_in<std::uint64_t>(app, "requests");
      traffic.bytes_in = number_in<std::uint64_t>(app, "bytesIn");
      traffic.bytes_out = number_in<std::uint64_t>(app, "bytesOut");
      traffic.crosses_regions = traffic.region != account->region;
      out.traffic.push_back(std::move(traffic));
    }
    co_await read_shares(account, &out);
  }
  co_return out;
}

AccountReader::Task<void> AccountReader::read_shares(StorageAccount* account,
                                                     verdict::Account* out) {
  std::map<std::string, verdict::AppShare> shares;
  std::vector<Execution> runs;
  const std::string problem = co_await read_runs(account, &runs);
  if (problem.empty())
    for (const Execution& run : runs) ++shares[run.app].orchestrations;
  std::string ignored;
  const std::string url = account->part->url() + "/_control/activities";
  const json answer = co_await ask(account->part->name, url, 5s, &ignored);
  for (const json& app : list_in(answer, "apps"))
    shares[text_in(app, "app")].activities = number_in<std::uint64_t>(app, "activities");
  for (auto& [app, share] : shares) {
    share.storage = account->name;
    share.app = app;
    out->shares.push_back(share);
  }
}

AccountReader::Task<std::string> AccountReader::lease_owner() {
  for (const EndpointParts& endpoint : parts_->endpoints) {
    const auto* stand_in = std::get_if<scenario::StandIn>(&endpoint.endpoint->is);
    if (!stand_in || !stand_in->app_lease) continue;
    const StorageAccount* account = parts_->find_storage(account_of(scenario_, *endpoint.endpoint));
    // Nobody is told of it while the account is away: the lease is what it was.
    if (!account || account->part->is_away() || account->outage != "none") break;
    std::string problem;
    const std::string url =
        account->part->url() + "/hubs/" + percent_encoded(stand_in->hub) + "/lease";
    const json lease = co_await ask(account->part->name, url, 500ms, &problem);
    if (problem.empty())
      lease_owner_ = lease.value("active", false) ? text_in(lease, "id") : std::string{};
    break;
  }
  co_return lease_owner_;
}

}  // namespace stage
