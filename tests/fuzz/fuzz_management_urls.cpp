// Rewriting of management URLs, with a JSON library as the oracle: a body that is JSON stays JSON
// of the same structure, every string that began with the endpoint's origin begins with the public
// one and holds no code but ours, and nothing else has changed. The scanner that decides how long
// an answer is held back must agree with the reader, wherever the body is cut.
#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "durable/management_urls.hpp"
#include "durable/query.hpp"
#include "durable/status_tokens.hpp"

namespace {

using nlohmann::json;
using Verdict = durable::PayloadScanner::Verdict;

const std::string endpoint = "http://h:7";
const std::string public_origin = "https://p.example/pre";
const std::array origins{durable::Origin{false, "h", 7}};
const std::array<std::string_view, 1> secrets{"s+t"};

void require(bool condition) {
  if (!condition) std::abort();
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool begins_with_origin(const std::string& text) {
  return lower(text.substr(0, endpoint.size())) == endpoint &&
         (text.size() == endpoint.size() ||
          std::string{"/?#"}.find(text[endpoint.size()]) != std::string::npos);
}

// The values of `code` in a URL, read in the slowest way.
std::string codes_of(const std::string& url) {
  std::string query = url.substr(0, url.find('#')), codes;
  const std::size_t mark = query.find('?');
  if (mark == std::string::npos) return {};
  query = query.substr(mark + 1) + "&";
  for (std::size_t end = query.find('&'); end != std::string::npos; end = query.find('&')) {
    const std::string parameter = query.substr(0, end);
    const std::size_t equals = parameter.find('=');
    if (lower(durable::percent_decode(parameter.substr(0, equals))) == "code")
      codes += (equals == std::string::npos ? "" : parameter.substr(equals + 1)) + "&";
    query.erase(0, end + 1);
  }
  return codes;
}

void require_rewritten(const json& before, const json& after, const std::string& code) {
  require(before.type() == after.type());
  if (before.is_string()) {
    const auto& text = before.get_ref<const std::string&>();
    const auto& moved = after.get_ref<const std::string&>();
    require(!begins_with_origin(moved));
    if (begins_with_origin(text)) {
      require(moved.substr(0, public_origin.size()) == public_origin);
      const std::string codes = codes_of(moved);
      require(codes.empty() || (!code.empty() && codes == code + "&"));
      const std::string path =
          text.substr(endpoint.size(), text.find_first_of("?#") - endpoint.size());
      require(moved.find(path) != std::string::npos);
    } else if (text.empty() || std::string{"/hH"}.find(text[0]) == std::string::npos) {
      require(text == moved);
    }
  } else if (before.is_structured()) {
    require(before.size() == after.size());
    auto other = after.begin();
    for (auto it = before.begin(); it != before.end(); ++it, ++other) {
      if (before.is_object()) require(it.key() == other.key());
      require_rewritten(*it, *other, code);
    }
  } else {
    require(before == after);
  }
}

// How many keys of the object are this word, and the value of the last one.
int find_key(const json& object, const std::string& word, const json*& value) {
  int found = 0;
  for (auto it = object.begin(); it != object.end(); ++it) {
    if (lower(it.key()) != word) continue;
    ++found;
    value = &*it;
  }
  return found;
}

void require_scanner_agrees(std::string_view body, bool is_payload) {
  const std::size_t cut = body.size() / 3;
  durable::PayloadScanner scanner;
  const Verdict first = scanner.feed(body.substr(0, cut));
  const Verdict second = scanner.feed(body.substr(cut));
  require(first == Verdict::undecided || first == second);
  require(durable::PayloadScanner{}.feed(body) == second);
  if (!is_payload) return;
  require(second == Verdict::payload);
  require(durable::may_be_payload(body.substr(0, cut), false));
  require(durable::may_be_payload(body, true));
}

void check(std::string_view body, const json& before, const std::string& code) {
  const durable::UrlRewrite rewrite{.origins = origins,
                                    .public_origin = public_origin,
                                    .replace_code = true,
                                    .code = code,
                                    .secrets = secrets};
  const auto payload = durable::read_payload(body, rewrite);
  if (payload && !payload->body.empty()) {
    const auto again = durable::read_payload(payload->body, rewrite);
    require(again && again->body.empty());
  }
  if (before.is_discarded()) return;
  require_scanner_agrees(body, payload.has_value());
  const json* value = nullptr;
  const bool has_key = before.is_object() && find_key(before, "statusquerygeturi", value) > 0;
  require(!payload || has_key);
  if (!payload) {
    require(!has_key || body.size() > 256);  // so many levels are our bound
    return;
  }
  const json after = payload->body.empty() ? before : json::parse(payload->body, nullptr, false);
  require(!after.is_discarded());
  require_rewritten(before, after, code);
  const int ids = find_key(before, "id", value);
  if (ids == 0) require(payload->instance_id.empty());
  if (ids == 1)
    require(payload->instance_id == (value->is_string() ? value->get<std::string>() : ""));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body{reinterpret_cast<const char*>(data), size};
  // The library takes a NUL for the end of its input; we take it for what it is.
  const bool comparable = body.find('\0') == std::string_view::npos;
  const json before =
      comparable ? json::parse(body, nullptr, false) : json(json::value_t::discarded);
  check(body, before, "mine");
  check(body, before, "");

  const std::array<std::string_view, 1> keys{"k"};
  static const durable::StatusTokens tokens{keys};
  const durable::UrlRewrite every{.origins = origins,
                                  .public_origin = public_origin,
                                  .endpoint_prefix = "/base/",
                                  .replace_code = true,
                                  .tokens = &tokens,
                                  .instance_id = "i",
                                  .secrets = secrets};
  durable::read_payload(body, every);
  const auto location = durable::rewrite_location(body, every);
  if (location) require(!begins_with_origin(*location));
  durable::parse_origin(body);
  return 0;
}
