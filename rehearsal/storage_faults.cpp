#include "rehearsal/storage_faults.hpp"

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "rehearsal/hub_json.hpp"
#include "rehearsal/uri.hpp"

namespace rehearsal {

namespace asio = boost::asio;
using transport::ServerResponse;

namespace {

constexpr std::size_t most_apps = 1000;

constexpr std::array<std::pair<Outage, std::string_view>, 4> outage_words{{
    {Outage::none, "none"},
    {Outage::errors, "errors"},
    {Outage::resets, "resets"},
    {Outage::hangs, "hangs"},
}};

std::string_view word_of(Outage outage) {
  for (const auto& [value, word] : outage_words)
    if (value == outage) return word;
  return "unknown";
}

}  // namespace

std::optional<Outage> parse_outage(std::string_view word) {
  for (const auto& [value, text] : outage_words)
    if (same_ignoring_case(text, word)) return value;
  return std::nullopt;
}

void StorageFaults::set_latency(const std::string& app, std::chrono::milliseconds latency) {
  if (latencies_.contains(app) || latencies_.size() < most_apps) latencies_[app] = latency;
}

void StorageFaults::set_outage(Outage outage) {
  outage_ = outage;
  if (outage_ != Outage::hangs) healed_.cancel();
}

void StorageFaults::end() {
  ended_ = true;
  healed_.cancel();
}

std::chrono::milliseconds StorageFaults::latency_of(const std::string& app) const {
  auto found = latencies_.find(app);
  if (found == latencies_.end()) found = latencies_.find("");
  return found == latencies_.end() ? std::chrono::milliseconds{0} : found->second;
}

asio::awaitable<void> StorageFaults::wait_half(std::string app) {
  const auto half = std::chrono::microseconds{latency_of(app)} / 2;
  if (half.count() == 0 || ended_) co_return;
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer{executor, half};
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<std::optional<ServerResponse>> StorageFaults::before(std::string app) {
  co_await wait_half(std::move(app));
  while (outage_ == Outage::hangs && !ended_) {
    boost::system::error_code ignored;
    co_await healed_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  std::optional<ServerResponse> instead;
  if (outage_ == Outage::errors || outage_ == Outage::resets) {
    instead.emplace(503, "application/json", error_object("told to be out of order"));
    instead->reset_connection = outage_ == Outage::resets;
  }
  co_return instead;
}

asio::awaitable<void> StorageFaults::after(std::string app) {
  co_await wait_half(std::move(app));
}

void StorageFaults::count(const std::string& app, std::uint64_t bytes_in, std::uint64_t bytes_out) {
  if (!traffic_.contains(app) && traffic_.size() >= most_apps) return;
  Traffic& traffic = traffic_[app];
  ++traffic.requests;
  traffic.bytes_in += bytes_in;
  traffic.bytes_out += bytes_out;
}

ServerResponse StorageFaults::command(std::string_view method, std::string_view path,
                                      std::string_view query_text) {
  const auto bad = [](std::string_view why) {
    return ServerResponse{400, "application/json", error_object(why)};
  };
  if (method == "GET" && path == "/_control/traffic") return {200, "application/json", traffic()};
  const bool reads = method == "GET" && path == "/_control/state";
  const bool writes = method == "POST";
  if (writes && path == "/_control/latency") {
    const Query query{query_text};
    const auto milliseconds = query.number("ms", 0, 3'600'000);
    if (!milliseconds) return bad("latency needs ms=0..3600000");
    set_latency(query.get("app"), std::chrono::milliseconds{*milliseconds});
  } else if (writes && path == "/_control/outage") {
    const auto outage = parse_outage(Query{query_text}.get("mode"));
    if (!outage) return bad("outage needs mode=errors, resets, hangs or none");
    set_outage(*outage);
  } else if (writes && path == "/_control/read-only") {
    const std::string on = Query{query_text}.get("on");
    if (on != "true" && on != "false") return bad("read-only needs on=true or false");
    read_only_ = on == "true";
  } else if (writes && path == "/_control/heal") {
    latencies_.clear();
    read_only_ = false;
    set_outage(Outage::none);
  } else if (!reads) {
    return {404, "application/json", error_object("no such control command")};
  }
  return {200, "application/json", describe()};
}

std::string StorageFaults::describe() const {
  std::string latencies;
  for (const auto& [app, time] : latencies_)
    latencies +=
        (latencies.empty() ? "" : ",") + json_string(app) + ":" + std::to_string(time.count());
  return "{\"outage\":" + json_string(word_of(outage_)) + ",\"latencyMilliseconds\":{" + latencies +
         "},\"readOnly\":" + (read_only_ ? "true" : "false") + "}";
}

std::string StorageFaults::traffic() const {
  std::string apps;
  for (const auto& [app, traffic] : traffic_)
    apps += (apps.empty() ? "" : ",") + ("{\"app\":" + json_string(app)) +
            ",\"requests\":" + std::to_string(traffic.requests) +
            ",\"bytesIn\":" + std::to_string(traffic.bytes_in) +
            ",\"bytesOut\":" + std::to_string(traffic.bytes_out) + "}";
  return "{\"apps\":[" + apps + "]}";
}

}  // namespace rehearsal
