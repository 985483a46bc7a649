#include "rehearsal/stage/watch.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "rehearsal/stage/account_reader.hpp"
#include "rehearsal/stage/call.hpp"
#include "transport/spawn.hpp"

namespace stage {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using nlohmann::json;
using verdict::At;

namespace {

constexpr auto every = 100ms;
constexpr At longest_gap{500'000};  // between stored glimpses that show the same

std::string text_at(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

bool same(const verdict::Glimpse& a, const verdict::Glimpse& b) {
  return a.reachable == b.reachable && a.active == b.active && a.status == b.status &&
         a.alerts == b.alerts;
}

verdict::Glimpse glimpse_of(const json& status) {
  verdict::Glimpse glimpse;
  if (const auto active = status.find("active"); active != status.end() && active->is_object())
    glimpse.active = text_at(*active, "endpoint");
  if (const auto list = status.find("endpoints"); list != status.end() && list->is_array())
    for (const json& endpoint : *list)
      if (endpoint.is_object())
        glimpse.status[text_at(endpoint, "name")] = text_at(endpoint, "monitorStatus");
  if (const auto list = status.find("alerts"); list != status.end() && list->is_array())
    for (const json& alert : *list)
      if (alert.is_object()) glimpse.alerts.push_back(text_at(alert, "kind"));
  std::sort(glimpse.alerts.begin(), glimpse.alerts.end());
  return glimpse;
}

}  // namespace

struct Watch::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::any_io_executor executor_in, std::string admin_in, std::string token_in,
       const Clock& clock_in, verdict::RunRecord& record_in)
      : executor{std::move(executor_in)},
        admin{std::move(admin_in)},
        token{std::move(token_in)},
        clock{clock_in},
        record{record_in} {}

  asio::awaitable<void> look_on();
  asio::awaitable<void> look();
  Call call_of(const char* path) const;
  void note_events(const json& events);
  void note_glimpse(verdict::Glimpse glimpse);

  asio::any_io_executor executor;
  const std::string admin, token;
  const Clock clock;
  verdict::RunRecord& record;
  std::int64_t last_sequence = 0;  // of the events of the present process
  std::string started;             // when that process began
  bool over = false, dropped = false, looking = false;
};

Call Watch::Impl::call_of(const char* path) const {
  Call made;
  made.url = admin + path;
  made.limit = 1s;
  if (!token.empty()) made.headers.emplace_back("Authorization", "Bearer " + token);
  return made;
}

asio::awaitable<void> Watch::Impl::look_on() {
  const auto self = shared_from_this();
  asio::steady_timer timer{executor};
  boost::system::error_code ignored;
  looking = true;
  while (!over && !dropped) {
    timer.expires_after(every);
    co_await look();
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  looking = false;
}

// Events first: a status that shows a change is never older than the event that tells of it. When
// they have no answer the status is not asked for: a frozen proxy is seen after one limit.
asio::awaitable<void> Watch::Impl::look() {
  verdict::Glimpse glimpse;
  glimpse.at = clock.now();
  const Call for_events = call_of("/api/events");
  const Answer events = co_await call(for_events);
  if (dropped) co_return;
  if (events.status == 200) {
    const json parsed = json::parse(events.body, nullptr, false);
    if (const auto list = parsed.is_object() ? parsed.find("events") : parsed.end();
        list != parsed.end() && list->is_array())
      note_events(*list);
  }
  glimpse.reachable = false;
  if (events.status != 0) {
    const At asked = clock.now();
    const Call for_status = call_of("/api/status");
    const Answer status = co_await call(for_status);
    if (dropped) co_return;
    const json parsed = json::parse(status.body, nullptr, false);
    if (status.status == 200 && parsed.is_object()) glimpse = glimpse_of(parsed);
    glimpse.at = asked;
  }
  note_glimpse(std::move(glimpse));
}

// The list holds what a process remembers, oldest or newest first. A new process counts anew: its
// first event came later than the last one that was noted. What a running proxy remembers from
// before the run is no part of it.
void Watch::Impl::note_events(const json& events) {
  std::vector<std::pair<std::int64_t, verdict::ProxyEvent>> found;
  for (const json& one : events) {
    if (!one.is_object() || !one.contains("sequence") || !one["sequence"].is_number_integer())
      continue;
    verdict::ProxyEvent event;
    const auto at = parse_utc(text_at(one, "at"));
    if (!at) continue;
    event.at = clock.at(*at);
    event.kind = text_at(one, "kind");
    event.level = text_at(one, "level");
    event.endpoint = text_at(one, "endpoint");
    event.from = text_at(one, "from");
    event.to = text_at(one, "to");
    event.reason = text_at(one, "reason");
    event.text = text_at(one, "text");
    if (const auto seconds = one.find("seconds"); seconds != one.end() && seconds->is_number())
      event.seconds = seconds->get<double>();
    found.emplace_back(one["sequence"].get<std::int64_t>(), std::move(event));
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  if (found.empty()) return;
  const std::string first = std::to_string(found.front().second.at.count());
  if (found.back().first < last_sequence ||
      (!started.empty() && first != started && found.front().first == 1))
    last_sequence = 0;
  if (found.front().first == 1) started = first;
  for (auto& [sequence, event] : found) {
    if (sequence <= last_sequence) continue;
    last_sequence = sequence;
    if (event.at >= At{0}) record.events.push_back(std::move(event));
  }
}

void Watch::Impl::note_glimpse(verdict::Glimpse glimpse) {
  if (!record.glimpses.empty() && same(record.glimpses.back(), glimpse) &&
      glimpse.at - record.glimpses.back().at < longest_gap)
    return;
  record.glimpses.push_back(std::move(glimpse));
}

Watch::Watch(asio::any_io_executor executor, std::string admin_url, std::string token,
             const Clock& clock, verdict::RunRecord& record)
    : impl_{std::make_shared<Impl>(std::move(executor), std::move(admin_url), std::move(token),
                                   clock, record)} {}

Watch::~Watch() {
  impl_->over = true;
  impl_->dropped = true;
}

void Watch::begin() {
  transport::spawn(impl_->executor, "rehearsal: watch", impl_->look_on());
}

asio::awaitable<void> Watch::finish() {
  const auto impl = impl_;
  impl->over = true;
  asio::steady_timer timer{impl->executor};
  boost::system::error_code ignored;
  while (impl->looking) {
    timer.expires_after(10ms);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_await impl->look();
}

}  // namespace stage
