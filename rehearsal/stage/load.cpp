#include "rehearsal/stage/load.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>

#include "config/url.hpp"
#include "rehearsal/stage/client_plan.hpp"
#include "transport/http_client.hpp"
#include "transport/spawn.hpp"

namespace stage {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using scenario::Millis;
using verdict::At;
using verdict::RequestKind;
using verdict::Said;

namespace {

// Few words, so that they can be counted: failures of the same kind are one trouble.
std::string trouble_of(const transport::Failure& failure) {
  switch (failure.kind) {
    case transport::FailureKind::connect:
      return "refused";
    case transport::FailureKind::timed_out:
      return "timed out";
    case transport::FailureKind::reset:
      return "reset";
    case transport::FailureKind::closed:
      return "closed early";
    default:
      return std::string{transport::to_string(failure.kind)};
  }
}

std::string target_of(const std::string& url) {
  const auto scheme = url.find("://");
  const auto path = scheme == std::string::npos ? 0 : url.find('/', scheme + 3);
  return path == std::string::npos ? "/" : url.substr(path);
}

// As it stands before the path of a URL: somebody may have typed a slash after it.
std::string without_slash(std::string origin) {
  while (origin.ends_with('/')) origin.pop_back();
  return origin;
}

}  // namespace

// Outlives the load as long as a coroutine needs it; then nothing is written into the record.
struct Load::Impl : std::enable_shared_from_this<Impl> {
  using Task = asio::awaitable<void>;

  Impl(asio::any_io_executor executor_in, const scenario::Load& load_in, std::string origin_in,
       const Clock& clock_in, verdict::RunRecord& record_in)
      : executor{std::move(executor_in)},
        load{load_in},
        origin{without_slash(std::move(origin_in))},
        clock{clock_in},
        record{record_in},
        plan{load},
        due_timer{executor} {
    config::parse_url(origin, where);  // the caller's: our own proxy, or an option that was checked
  }

  Task send_all();
  Task get(PlannedRequest planned, At due);
  Task start(PlannedRequest planned, At due);
  Task follow(std::size_t index, std::string url, int client);
  asio::awaitable<transport::Result<transport::FetchResponse>> send(
      transport::FetchRequest request);

  transport::FetchRequest request_of(std::string method, std::string target, int client) const;
  void note(verdict::Request request);

  asio::any_io_executor executor;
  const scenario::Load load;  // a copy: coroutines may outlive the scenario
  const std::string origin;
  const Clock clock;
  verdict::RunRecord& record;
  ClientPlan plan;
  config::Url where;
  asio::steady_timer due_timer;
  bool sending = false, home = false, dropped = false;
  std::size_t in_flight = 0;   // requests
  std::size_t unfinished = 0;  // starts that are unanswered, or accepted and not final
};

transport::FetchRequest Load::Impl::request_of(std::string method, std::string target,
                                               int client) const {
  transport::FetchRequest request;
  request.connect_host = where.host;
  request.connect_port = where.port;
  request.host = where.authority();
  request.tls = where.tls;
  request.tls_settings.server_name = where.host;
  request.method = std::move(method);
  request.target = std::move(target);
  request.headers.emplace_back("X-Client", "client-" + std::to_string(client));
  if (!load.key.empty()) request.headers.emplace_back("x-functions-key", load.key);
  request.deadline = std::chrono::steady_clock::now() + load.patience;
  return request;
}

asio::awaitable<transport::Result<transport::FetchResponse>> Load::Impl::send(
    transport::FetchRequest request) {
  ++in_flight;
  auto result = co_await transport::fetch(std::move(request));
  --in_flight;
  co_return result;
}

void Load::Impl::note(verdict::Request request) {
  request.ended = clock.now();
  if (!dropped) record.requests.push_back(std::move(request));
}

Load::Impl::Task Load::Impl::send_all() {
  const auto self = shared_from_this();
  const At began = clock.now();
  const auto most = static_cast<std::size_t>(
      load.rate * std::chrono::duration<double>(load.patience).count() * 2 + 64);
  for (std::uint64_t number = 0; sending; ++number) {
    const At due = began + std::chrono::duration_cast<At>(std::chrono::duration<double>(
                               static_cast<double>(number) / load.rate));
    if (clock.now() < due) {
      due_timer.expires_at(clock.began + due);
      boost::system::error_code ignored;
      co_await due_timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      if (!sending) break;
    }
    record.load_late =
        std::max(record.load_late, std::chrono::duration_cast<Millis>(clock.now() - due));
    const PlannedRequest planned = plan.next();
    if (in_flight > most) {  // polls and requests that nobody answers: said, not sent
      verdict::Request unsent;
      unsent.kind = planned.kind;
      unsent.due = unsent.sent = due;
      unsent.client = planned.client;
      unsent.trouble = "not sent: too many are open";
      note(unsent);
      continue;
    }
    if (planned.kind == RequestKind::start)
      transport::spawn(executor, "rehearsal: start", start(planned, due));
    else
      transport::spawn(executor, "rehearsal: get", get(planned, due));
  }
}

Load::Impl::Task Load::Impl::get(PlannedRequest planned, At due) {
  const auto self = shared_from_this();
  verdict::Request seen;
  seen.due = due;
  seen.sent = clock.now();
  seen.client = planned.client;
  auto request = request_of("GET", planned.path, planned.client);
  const auto result = co_await send(std::move(request));
  if (result) {
    seen.status = result->status;
    if (const auto* by = transport::find_header(result->headers, "X-Served-By"))
      seen.served_by = *by;
    if (seen.status < 200 || seen.status > 299)
      seen.trouble = "status " + std::to_string(seen.status);
  } else {
    seen.trouble = trouble_of(result.error());
  }
  note(std::move(seen));
}

Load::Impl::Task Load::Impl::start(PlannedRequest planned, At due) {
  const auto self = shared_from_this();
  if (dropped) co_return;
  const std::size_t index = record.starts.size();
  record.starts.emplace_back();
  record.starts[index].number = planned.number;
  record.starts[index].given_id = planned.given_id;
  record.starts[index].sent = clock.now();
  ++unfinished;
  verdict::Request seen;
  seen.kind = RequestKind::start;
  seen.due = due;
  seen.sent = clock.now();
  seen.client = planned.client;
  auto request = request_of("POST", planned.path, planned.client);
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = planned.body;
  const auto result = co_await send(std::move(request));
  if (dropped) co_return;
  std::string poll_url;
  verdict::Start& start = record.starts[index];
  start.answered = clock.now();
  if (result) {
    const auto field = [&](std::string_view name) {
      return transport::find_header(result->headers, name);
    };
    seen.status = result->status;
    if (const auto* by = field("X-Served-By")) seen.served_by = *by;
    poll_url =
        take_start_answer(result->status, field("X-Understudy-Outcome"), field("Retry-After"),
                          field("Location"), result->body, origin, start);
    if (start.said != Said::accepted) seen.trouble = "status " + std::to_string(seen.status);
  } else {
    // Nothing was said: it may run or not, and that is for its client to find out.
    start.said = Said::unanswered;
    start.detail = seen.trouble = trouble_of(result.error());
  }
  note(std::move(seen));
  if (poll_url.empty())
    --unfinished;
  else
    co_await follow(index, poll_url, planned.client);
}

// Exactly the URL of the answer, as a client does that trusts it.
Load::Impl::Task Load::Impl::follow(std::size_t index, std::string url, int client) {
  const bool ours = leads_back(url, origin);
  asio::steady_timer timer{executor};
  boost::system::error_code ignored;
  while (!home && !dropped) {
    verdict::Request seen;
    seen.kind = RequestKind::poll;
    seen.due = seen.sent = clock.now();
    seen.client = client;
    auto request = request_of("GET", target_of(url), client);
    const auto result = co_await send(std::move(request));
    if (dropped) co_return;
    verdict::Start& start = record.starts[index];
    seen.status = result ? result->status : 0;
    ++start.polls[seen.status];
    std::string final;
    if (result) {
      const auto& headers = result->headers;
      if (const auto* by = transport::find_header(headers, "X-Served-By")) seen.served_by = *by;
      seen.stale = transport::find_header(headers, "X-Understudy-Stale") != nullptr;
      note_wrong_urls(transport::find_header(headers, "Location"), result->body, origin, start);
      final = final_status(result->status, result->body);
      const bool good = seen.status == 200 || seen.status == 202 || seen.status == 503;
      if (!good) seen.trouble = "status " + std::to_string(seen.status);
    } else {
      seen.trouble = trouble_of(result.error());
    }
    if (!ours) seen.trouble = "the URL to poll does not lead to the proxy";
    note(std::move(seen));
    if (!final.empty()) {
      start.final = final;
      start.final_at = clock.now();
      --unfinished;
      co_return;
    }
    if (home) co_return;
    timer.expires_after(load.poll_every);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

Load::Load(asio::any_io_executor executor, const scenario::Load& load, std::string origin,
           const Clock& clock, verdict::RunRecord& record)
    : impl_{std::make_shared<Impl>(std::move(executor), load, std::move(origin), clock, record)} {}

Load::~Load() {
  impl_->sending = false;
  impl_->home = true;
  impl_->dropped = true;
  impl_->due_timer.cancel();
}

void Load::begin() {
  impl_->sending = true;
  transport::spawn(impl_->executor, "rehearsal: load", impl_->send_all());
}

void Load::stop_sending() {
  impl_->sending = false;
  impl_->due_timer.cancel();
}

bool Load::all_final() const {
  return impl_->unfinished == 0;
}

asio::awaitable<void> Load::finish(Millis limit) {
  const auto impl = impl_;
  const At until = impl->clock.now() + limit;
  asio::steady_timer timer{impl->executor};
  boost::system::error_code ignored;
  while (impl->unfinished > 0 && impl->clock.now() < until) {
    timer.expires_after(20ms);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  impl->home = true;
  const At last = impl->clock.now() + impl->load.patience + 1s;
  while (impl->in_flight > 0 && impl->clock.now() < last) {
    timer.expires_after(20ms);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

}  // namespace stage
