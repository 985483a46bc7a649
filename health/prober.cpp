#include "health/prober.hpp"

#include <algorithm>
#include <boost/system/errc.hpp>
#include <chrono>
#include <string>
#include <utility>

#include "health/probe_match.hpp"
#include "transport/endpoint_client.hpp"
#include "transport/http_client.hpp"
#include "transport/resolver.hpp"

namespace health {
namespace {

constexpr std::size_t largest_answer = 1 << 20;  // bytes of a body that a probe is ready to read

ProbeOutcome failed(ProbeResult result, std::string detail) {
  ProbeOutcome outcome;
  outcome.result = result;
  outcome.detail = std::move(detail);
  return outcome;
}

ProbeOutcome from_failure(const transport::Failure& failure, const config::ProbePolicy& policy) {
  using transport::FailureKind;
  switch (failure.kind) {
    case FailureKind::resolve:
      return failed(ProbeResult::resolve_failed, to_string(failure));
    case FailureKind::connect:
      return failed(ProbeResult::connect_failed, to_string(failure));
    case FailureKind::tls:
      return failed(ProbeResult::tls_failed, to_string(failure));
    case FailureKind::timed_out:
      return failed(ProbeResult::timed_out,
                    "timed out after " + std::to_string(policy.timeout.count()) + " ms");
    case FailureKind::too_large:
      return failed(ProbeResult::bad_body, "the answer is larger than " +
                                               std::to_string(largest_answer) +
                                               " bytes; probe a smaller page");
    case FailureKind::reset:
    case FailureKind::closed:
    case FailureKind::protocol:
    case FailureKind::canceled:
      break;
  }
  return failed(ProbeResult::broken, to_string(failure));
}

// When the attempt to connect began, and to how many addresses.
struct Attempt {
  std::size_t addresses = 0;
  TimePoint began{};
};

// Of several addresses the failure tells of the last one only; one that hung would have taken its
// share of the time.
ProbeOutcome from_failure(const transport::Failure& failure, const config::ProbePolicy& policy,
                          const Attempt& attempt) {
  ProbeOutcome outcome = from_failure(failure, policy);
  namespace errc = boost::system::errc;
  for (const auto shortage : {errc::too_many_files_open, errc::too_many_files_open_in_system,
                              errc::no_buffer_space, errc::not_enough_memory})
    outcome.own_fault = outcome.own_fault || failure.cause == shortage;
  const auto share = policy.timeout / static_cast<int>(attempt.addresses);
  outcome.refused = failure.kind == transport::FailureKind::connect &&
                    failure.cause == boost::system::errc::connection_refused &&
                    (attempt.addresses == 1 || (Clock::now() - attempt.began) * 2 < share);
  return outcome;
}

bool has(const transport::HeaderList& headers, std::string_view name) {
  return transport::find_header(headers, name) != nullptr;
}

// Sets the request's headers, the Host field among them.
void add_headers(transport::FetchRequest& request, const config::Endpoint& endpoint) {
  const config::ProbePolicy& policy = endpoint.probe;
  transport::HeaderList written;
  for (const config::NameValue& header : policy.headers)
    written.emplace_back(header.name, header.value);

  const std::string* host = transport::find_header(written, "Host");
  request.host = host != nullptr ? *host : transport::host_field(endpoint);
  for (auto& header : written) {
    const transport::HeaderList alone{header};
    if (!has(alone, "Host")) request.headers.push_back(std::move(header));
  }
  if (endpoint.secret_header && !has(request.headers, endpoint.secret_header->name))
    request.headers.emplace_back(endpoint.secret_header->name, endpoint.secret_header->value);
  if (!policy.key.empty() && !has(request.headers, "x-functions-key"))
    request.headers.emplace_back("x-functions-key", policy.key.reveal());
  if (!has(request.headers, "User-Agent"))
    request.headers.emplace_back("User-Agent", "understudy-probe");
}

transport::FetchRequest request_for(const config::Endpoint& endpoint,
                                    std::vector<config::SocketAddress> addresses,
                                    transport::TimePoint deadline) {
  const config::ProbePolicy& policy = endpoint.probe;
  transport::FetchRequest request;
  request.addresses = std::move(addresses);
  request.tls = policy.protocol == config::Protocol::https;
  request.tls_settings = transport::client_tls(endpoint);
  request.tls_settings.verify = policy.verify_tls;
  request.method = policy.method;
  request.target = policy.path;  // with the URL's base path already
  request.body_limit = largest_answer;
  request.deadline = deadline;
  add_headers(request, endpoint);
  return request;
}

std::string_view text_of(const std::string* header) {
  return header == nullptr ? std::string_view{} : std::string_view{*header};
}

boost::asio::awaitable<ProbeOutcome> exchange(const config::Endpoint& endpoint,
                                              std::vector<config::SocketAddress> addresses,
                                              transport::TimePoint deadline) {
  const config::ProbePolicy& policy = endpoint.probe;
  if (addresses.empty()) {
    const std::uint16_t port = policy.port != 0 ? policy.port : endpoint.url.port;
    auto looking_up = transport::resolve(endpoint.url.host, port, deadline);
    auto found = co_await std::move(looking_up);
    if (!found) co_return from_failure(found.error(), policy);
    addresses = std::move(*found);
  }
  const Attempt attempt{addresses.size(), Clock::now()};
  if (policy.protocol == config::Protocol::tcp) {
    auto connecting = transport::connect_only(std::move(addresses), deadline);
    const auto connected = co_await std::move(connecting);
    if (!connected) co_return from_failure(connected.error(), policy, attempt);
    ProbeOutcome outcome;
    outcome.detail = "accepted the connection";
    co_return outcome;
  }
  auto request = request_for(endpoint, std::move(addresses), deadline);
  auto fetching = transport::fetch(std::move(request));
  const auto answer = co_await std::move(fetching);
  if (!answer) co_return from_failure(answer.error(), policy, attempt);
  ProbeAnswer seen;
  seen.status = answer->status;
  seen.content_type = text_of(transport::find_header(answer->headers, "Content-Type"));
  seen.location = text_of(transport::find_header(answer->headers, "Location"));
  seen.body = answer->body;
  co_return match_answer(policy, seen);
}

}  // namespace

boost::asio::awaitable<ProbeOutcome> run_probe(config::Endpoint endpoint,
                                               std::vector<config::SocketAddress> addresses) {
  const TimePoint started = Clock::now();
  const TimePoint deadline = started + endpoint.probe.timeout;
  auto exchanging = exchange(endpoint, std::move(addresses), deadline);
  ProbeOutcome outcome = co_await std::move(exchanging);
  outcome.started = started;
  outcome.latency = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started);
  co_return outcome;
}

}  // namespace health
