#include "rehearsal/app_lease.hpp"

#include <algorithm>

#include "rehearsal/hub_json.hpp"
#include "rehearsal/hub_wire.hpp"
#include "rehearsal/uri.hpp"

namespace rehearsal {

namespace asio = boost::asio;
using transport::FetchResponse;
using transport::Result;

namespace {

// The service's error code out of {"error":"..."}; "" for any other answer.
std::string error_of(const Result<FetchResponse>& answer) {
  if (!answer) return to_string(answer.error());
  constexpr std::string_view before = "{\"error\":\"";
  if (answer->status != 409 || !answer->body.starts_with(before))
    return "the storage answered " + std::to_string(answer->status);
  return answer->body.substr(before.size(), answer->body.find('"', before.size()) - before.size());
}

bool is_ok(const Result<FetchResponse>& answer) {
  return answer && answer->status == 200;
}

}  // namespace

AppLeaseTimes app_lease_times(const AppOptions& options) {
  AppLeaseTimes times;
  times.scale = std::max(1, options.time_scale);
  times.lease /= times.scale;
  times.renew /= times.scale;
  times.acquire /= times.scale;
  return times;
}

std::string to_text(const AppLeaseTimes& times) {
  return "app lease: lasts " + std::to_string(times.lease.count()) + " ms, renewed every " +
         std::to_string(times.renew.count()) + " ms, a standby tries every " +
         std::to_string(times.acquire.count()) + " ms (time scale " + std::to_string(times.scale) +
         ")";
}

AppLease::AppLease(const AppOptions& options, StorageClient& storage)
    : options_{options},
      storage_{storage},
      times_{app_lease_times(options)},
      id_{options.site_name.empty() ? options.name : options.site_name},
      owns_{!options.app_lease},
      due_{options.app_lease ? TimePoint{} : TimePoint::max()} {}

void AppLease::forget() {
  if (!options_.app_lease) return;
  owns_ = false;
  due_ = TimePoint{};
}

asio::awaitable<void> AppLease::act(TimePoint now) {
  if (now < due_) co_return;
  if (owns_)
    co_await renew(now);
  else
    co_await try_to_own(now);
}

asio::awaitable<void> AppLease::renew(TimePoint now) {
  const std::string path = "/lease/renew?id=" + percent_encode(id_);
  const auto answer = co_await storage_.call("POST", options_.hub, path);
  due_ = now + times_.renew;
  last_error_ = is_ok(answer) ? "" : error_of(answer);
  // Only a refusal ends the ownership: while the storage is away nobody else can take it either.
  if (!answer || answer->status != 409) co_return;
  owns_ = false;
  due_ = now;  // it is a standby from now on, whose first try comes at once
}

asio::awaitable<void> AppLease::try_to_own(TimePoint now) {
  due_ = now + times_.acquire;
  const auto found = co_await storage_.call("GET", options_.hub, "/lease");
  const auto state = is_ok(found) ? read_lease_state(found->body) : std::nullopt;
  if (!state) {
    last_error_ = error_of(found);
    due_ = now + options_.poll_interval;  // it never got as far as a try
    co_return;
  }
  const bool wanted = state->desired == id_;
  const std::string path =
      wanted ? "/lease/change?from=" + percent_encode(state->owner) + "&to=" + percent_encode(id_)
             : "/lease/acquire?id=" + percent_encode(id_) +
                   "&ms=" + std::to_string(times_.lease.count());
  const auto answer = co_await storage_.call("POST", options_.hub, path);
  last_error_ = is_ok(answer) ? "" : error_of(answer);
  if (!is_ok(answer)) co_return;
  owns_ = true;
  due_ = now;  // the first renewal comes at once
  const std::string desired = wanted ? std::string{} : state->desired;
  if (wanted || state->owner != id_) co_await write_note(id_, desired);
}

asio::awaitable<bool> AppLease::write_note(const std::string& owner, const std::string& desired) {
  const std::string path =
      "/lease/note?owner=" + percent_encode(owner) + "&desired=" + percent_encode(desired);
  const auto answer = co_await storage_.call("POST", options_.hub, path);
  co_return is_ok(answer);
}

asio::awaitable<bool> AppLease::make_primary() {
  if (owns_) co_return true;
  const auto found = co_await storage_.call("GET", options_.hub, "/lease");
  const auto state = is_ok(found) ? read_lease_state(found->body) : std::nullopt;
  if (!state) co_return false;
  const bool written = co_await write_note(state->owner, id_);
  due_ = TimePoint{};
  co_return written;
}

asio::awaitable<std::string> AppLease::describe() {
  std::optional<AppLeaseState> state;
  if (options_.app_lease) {
    const auto found = co_await storage_.call("GET", options_.hub, "/lease");
    if (is_ok(found)) state = read_lease_state(found->body);
  }
  const auto text = [&state](const std::string& value) {
    return state ? json_string(value) : std::string{"null"};
  };
  const AppLeaseState seen = state.value_or(AppLeaseState{});
  const std::string me = !options_.app_lease ? "off" : owns_ ? "owner" : "standby";
  co_return "{\"enabled\":" + std::string{options_.app_lease ? "true" : "false"} +
      ",\"id\":" + json_string(id_) + ",\"state\":" + json_string(me) +
      ",\"owner\":" + text(seen.owner) + ",\"holder\":" + text(seen.active ? seen.id : "") +
      ",\"desired\":" + text(seen.desired) + ",\"lastError\":" + json_string(last_error_) +
      ",\"timeScale\":" + std::to_string(times_.scale) +
      ",\"leaseMilliseconds\":" + std::to_string(times_.lease.count()) +
      ",\"renewMilliseconds\":" + std::to_string(times_.renew.count()) +
      ",\"acquireMilliseconds\":" + std::to_string(times_.acquire.count()) + "}\n";
}

}  // namespace rehearsal
