#include "durable/merged_list.hpp"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "durable/query.hpp"

namespace durable {
namespace {

using Json = nlohmann::json;

constexpr std::size_t longest_token = 16 * 1024;
constexpr std::string_view digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string base64url(std::string_view bytes) {
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
    for (held += 8; held >= 6; held -= 6) out += digits[(bits >> (held - 6)) & 63];
  }
  if (held > 0) out += digits[(bits << (6 - held)) & 63];
  return out;
}

std::optional<std::string> from_base64url(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const std::size_t value = digits.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>((bits >> held) & 0xff);
  }
  return out;
}

// FNV-1a: tells a token that was cut or mistyped from one of ours. No protection is meant: who
// forges a token asks for nothing that the key does not allow anyway.
std::uint32_t checksum(std::string_view text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash;
}

std::string token_json(const ListPosition& position, std::uint32_t check) {
  // The endpoint's name and token go in as base64url: they may hold any byte, JSON may not.
  const Json json{{"v", 1},
                  {"e", base64url(position.endpoint)},
                  {"t", base64url(position.token)},
                  {"s", position.skip},
                  {"c", check}};
  return json.dump();
}

std::string signed_json(const ListPosition& position) {
  return token_json(position, checksum(token_json(position, 0)));
}

std::optional<std::string> text_member(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return std::nullopt;
  return from_base64url(found->get_ref<const std::string&>());
}

std::optional<std::uint32_t> read_top(std::string_view text) {
  if (text.empty() || text.size() > 9) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (value == 0) return std::nullopt;
  return value;
}

constexpr bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// The end of the value that begins at `at`, in a text that is known to be JSON: the comma or
// bracket after it.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  bool in_string = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string) {
      if (c == '\\')
        ++at;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if (c == ']' || c == '}') {
      if (depth == 0) return at;
      --depth;
    } else if (c == ',' && depth == 0) {
      return at;
    }
  }
  return at;
}

}  // namespace

std::string encode_list_token(const ListPosition& position) {
  return base64url(signed_json(position));
}

std::optional<ListPosition> decode_list_token(std::string_view token) {
  if (token.empty() || token.size() > longest_token) return std::nullopt;
  const auto text = from_base64url(token);
  if (!text) return std::nullopt;
  const Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto endpoint = text_member(json, "e");
  const auto inner = text_member(json, "t");
  const auto skip = json.find("s");
  if (!endpoint || !inner || skip == json.end() || !skip->is_number_unsigned()) return std::nullopt;
  ListPosition position{*endpoint, *inner, skip->get<std::uint32_t>()};
  // It goes into a header field of a request of ours.
  if (std::any_of(inner->begin(), inner->end(),
                  [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }))
    return std::nullopt;
  // Another version, another spelling, a wrong checksum: whatever we would not write ourselves.
  if (encode_list_token(position) != token) return std::nullopt;
  return position;
}

ListQuery parse_list_query(std::string_view query) {
  ListQuery out;
  std::string_view top_value;
  std::size_t tops = 0;
  std::vector<std::string_view> kept;
  Parameters parameters{query, 0, query.size()};
  while (parameters.next()) {
    const std::string_view name = parameters.name();
    const std::string_view value = parameters.value();
    if (parameters.begin() == parameters.end() || is_encoded_word(name, "code")) continue;
    if (is_encoded_word(name, "partial")) {
      out.partial = out.partial || is_encoded_word(value, "allow");
    } else if (is_encoded_word(name, "taskhub")) {
      out.names_task_hub = true;
    } else if (is_encoded_word(name, "connection")) {
      out.names_connection = true;
    } else {
      if (is_encoded_word(name, "top") && ++tops == 1) top_value = value;
      kept.push_back(query.substr(parameters.begin(), parameters.end() - parameters.begin()));
    }
  }
  // Written twice it is no number to an app, which then ignores it: so do we.
  if (tops == 1) out.top = read_top(top_value);
  for (const std::string_view parameter : kept) {
    if (out.top && is_encoded_word(parameter.substr(0, parameter.find('=')), "top")) continue;
    if (!out.rest.empty()) out.rest += '&';
    out.rest += parameter;
  }
  return out;
}

std::optional<std::vector<std::string_view>> split_json_array(std::string_view body,
                                                              std::size_t most) {
  if (!Json::accept(body)) return std::nullopt;
  if (body.starts_with("\xef\xbb\xbf")) body.remove_prefix(3);  // accepted as well
  std::size_t at = 0;
  while (at < body.size() && is_space(body[at])) ++at;
  if (at == body.size() || body[at] != '[') return std::nullopt;
  std::vector<std::string_view> items;
  for (++at;; ++at) {
    while (is_space(body[at])) ++at;
    if (body[at] == ']') return items;
    const std::size_t end = end_of_value(body, at);
    std::size_t last = end;
    while (last > at && is_space(body[last - 1])) --last;
    if (items.size() == most) return std::nullopt;
    items.push_back(body.substr(at, last - at));
    if (body[end] == ']') return items;
    at = end;
  }
}

std::optional<std::uint32_t> MergedPage::room() const {
  if (!top_) return std::nullopt;
  return static_cast<std::uint32_t>(*top_ - std::min<std::size_t>(count_, *top_));
}

std::size_t MergedPage::add(const std::vector<std::string_view>& items, std::size_t skip) {
  std::size_t i = skip;
  for (; i < items.size() && !full(); ++i) {
    const std::size_t hash = std::hash<std::string_view>{}(items[i]);
    const auto [first, last] = seen_.equal_range(hash);
    bool repeated = false;
    for (auto it = first; it != last && !repeated; ++it)
      repeated = std::string_view{body_}.substr(it->second.at, it->second.size) == items[i];
    if (repeated) continue;
    if (count_ > 0) body_ += ',';
    seen_.emplace(hash, Slice{body_.size(), items[i].size()});
    body_ += items[i];
    ++count_;
  }
  return i;
}

std::string MergedPage::body() const {
  return "[" + body_ + "]";
}

}  // namespace durable
