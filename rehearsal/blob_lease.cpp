#include "rehearsal/blob_lease.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>
#include <vector>

#include "rehearsal/hub_json.hpp"
#include "rehearsal/uri.hpp"
#include "transport/http_client.hpp"

namespace rehearsal {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

constexpr const char* service_version = "2021-12-02";
constexpr int renewals_that_may_fail = 3;

std::string date_now() {  // "Tue, 24 Nov 2026 02:40:00 GMT"
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 64> text{};
  const auto size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

std::string target_of(const SignedCall& call) {
  std::string target = call.path;
  char sign = '?';
  for (const auto& [name, value] : call.query) {
    target += sign + name + "=" + percent_encode(value);
    sign = '&';
  }
  return target;
}

}  // namespace

std::optional<BlobPlace> blob_place(const config::Url& url, std::string_view app) {
  std::vector<std::string> parts;
  for (std::string_view rest = url.base_path; !rest.empty();) {
    rest.remove_prefix(1);
    const std::string_view part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(part.size());
    if (part.empty() || parts.size() == 3) return std::nullopt;
    parts.emplace_back(part);
  }
  constexpr std::size_t given = 3;
  const std::array<std::string, given> otherwise{"devstoreaccount1", "understudy-leases",
                                                 percent_encode(app)};
  while (parts.size() < given) parts.push_back(otherwise[parts.size()]);
  BlobPlace place;
  place.host = url.host;
  place.port = url.port;
  place.account = parts[0];
  place.container = parts[1];
  place.blob = parts[2];
  return place;
}

std::string lease_id_of(std::string_view app) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::array<unsigned char, SHA256_DIGEST_LENGTH> hash{};
  SHA256(reinterpret_cast<const unsigned char*>(app.data()), app.size(), hash.data());
  std::string id;
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) id += '-';
    id += digits[hash[i] >> 4U];
    id += digits[hash[i] & 15U];
  }
  return id;
}

BlobLease::BlobLease(asio::any_io_executor executor, BlobPlace place, std::string app,
                     std::string key, std::chrono::milliseconds every)
    : place_{std::move(place)},
      id_{lease_id_of(app)},
      key_{std::move(key)},
      every_{every},
      timer_{std::move(executor)} {}

bool BlobLease::held(TimePoint now) const {
  return renewed_ && now - *renewed_ < renewals_that_may_fail * every_;
}

void BlobLease::stop() {
  stopping_ = true;
  timer_.cancel();
}

asio::awaitable<void> BlobLease::run() {
  while (!stopping_) {
    const TimePoint sent = steady_clock::now();
    const TimePoint deadline = sent + every_;
    bool held = false;
    if (taken_) held = co_await renew(deadline);
    if (!taken_) held = co_await take(deadline);
    if (held) {
      renewed_ = sent;
      last_error_.clear();
    }
    if (stopping_) break;
    // Also after a wait of its whole time: a peer that hangs is not asked without a pause.
    timer_.expires_at(std::max(deadline, steady_clock::now() + every_ / 10));
    boost::system::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

// An answer that refuses ends the ownership: the account has lost the blob, or somebody broke the
// lease. No answer does not: it may still be there.
asio::awaitable<bool> BlobLease::renew(TimePoint deadline) {
  const int status = co_await lease_call("renew", deadline);
  if (status == 200) ++renewals_;
  if (status != 200 && status != 0) taken_ = false;
  co_return status == 200;
}

asio::awaitable<bool> BlobLease::take(TimePoint deadline) {
  int status = co_await lease_call("acquire", deadline);
  if (status == 404) {
    const int container = co_await create(false, deadline);
    if (container != 201 && container != 409) co_return false;
    const int blob = co_await create(true, deadline);
    if (blob != 201 && blob != 409 && blob != 412) co_return false;  // others may be as quick
    status = co_await lease_call("acquire", deadline);
  }
  taken_ = status == 201;
  if (taken_) ++takes_;
  co_return taken_;
}

// Not a coroutine itself, nor is `create`: they make values beside no co_await.
asio::awaitable<int> BlobLease::lease_call(std::string action, TimePoint deadline) {
  SignedCall what;
  what.path = "/" + place_.account + "/" + place_.container + "/" + place_.blob;
  what.query = {{"comp", "lease"}};
  if (action == "acquire") {
    what.x_fields["x-ms-lease-duration"] = std::to_string(lasts.count());
    what.x_fields["x-ms-proposed-lease-id"] = id_;
  } else {
    what.x_fields["x-ms-lease-id"] = id_;
  }
  what.x_fields["x-ms-lease-action"] = std::move(action);
  return call(std::move(what), deadline);
}

asio::awaitable<int> BlobLease::create(bool blob, TimePoint deadline) {
  SignedCall what;
  what.path = "/" + place_.account + "/" + place_.container;
  if (blob) {
    what.path += "/" + place_.blob;
    what.x_fields["x-ms-blob-type"] = "BlockBlob";
    what.if_none_match = "*";
  } else {
    what.query = {{"restype", "container"}};
  }
  return call(std::move(what), deadline);
}

asio::awaitable<int> BlobLease::call(SignedCall what, TimePoint deadline) {
  what.method = "PUT";
  what.account = place_.account;
  what.x_fields["x-ms-date"] = date_now();
  what.x_fields["x-ms-version"] = service_version;
  transport::FetchRequest request;
  request.connect_host = place_.host;
  request.connect_port = place_.port;
  request.host = place_.host + ":" + std::to_string(place_.port);
  request.method = what.method;
  request.target = target_of(what);
  request.headers = signed_fields(what, key_);
  request.deadline = deadline;
  const auto answer = co_await transport::fetch(std::move(request));
  if (!answer) {
    last_error_ = to_string(answer.error());
    co_return 0;
  }
  if (answer->status >= 300) {
    const std::string* code = transport::find_header(answer->headers, "x-ms-error-code");
    last_error_ = "the account answered " + std::to_string(answer->status);
    if (code != nullptr) last_error_ += " " + *code;
  }
  co_return answer->status;
}

std::string BlobLease::problem() const {
  return "no lease on the blob " + place_.container + "/" + place_.blob +
         (last_error_.empty() ? "" : ": " + last_error_);
}

std::string BlobLease::describe() const {
  return std::string{"{\"held\":"} + (held(steady_clock::now()) ? "true" : "false") +
         ",\"container\":" + json_string(place_.container) +
         ",\"blob\":" + json_string(place_.blob) + ",\"takes\":" + std::to_string(takes_) +
         ",\"renewals\":" + std::to_string(renewals_) +
         ",\"lastError\":" + json_string(last_error_) + "}\n";
}

}  // namespace rehearsal
