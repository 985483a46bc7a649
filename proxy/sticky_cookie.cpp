#include "proxy/sticky_cookie.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "proxy/cookies.hpp"

namespace proxy {
namespace {

// The value is hexadecimal, of fixed sizes: until when, which endpoint, the signature of both.
constexpr std::size_t time_digits = 12, tag_digits = 16, mac_digits = 32;
constexpr std::size_t signed_digits = time_digits + tag_digits;
constexpr std::size_t value_size = signed_digits + mac_digits;
constexpr std::string_view purpose = "understudy sticky cookie 1\n";
// How far the clocks of two proxies may be apart before they refuse each other's answers.
constexpr std::int64_t clock_skew_ms = 60'000;

bool hmac_sha256(std::string_view key, std::string_view text, std::array<std::uint8_t, 32>& out) {
  unsigned length = 0;
  return HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
              reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(),
              &length) != nullptr &&
         length == out.size();
}

std::string hex(const std::uint8_t* bytes, std::size_t digits) {
  constexpr std::string_view digit = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < digits; ++i)
    out += digit[i % 2 == 0 ? bytes[i / 2] >> 4 : bytes[i / 2] & 15];
  return out;
}

std::string hex_time(std::int64_t ms) {
  std::array<std::uint8_t, time_digits / 2> bytes{};
  for (std::size_t i = bytes.size(); i-- > 0; ms >>= 8)
    bytes[i] = static_cast<std::uint8_t>(ms & 0xff);
  return hex(bytes.data(), time_digits);
}

std::optional<std::int64_t> parse_time(std::string_view digits) {
  std::int64_t ms = 0;
  for (const char c : digits) {
    if (c >= '0' && c <= '9') {
      ms = ms * 16 + (c - '0');
    } else if (c >= 'a' && c <= 'f') {
      ms = ms * 16 + (c - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return ms;
}

template <class Mac>
std::string_view as_text(const Mac& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

// Empty when the library cannot: nothing is signed or accepted then.
template <class Mac>
std::string signature(const Mac& key, std::string_view text) {
  Mac mac{};
  return hmac_sha256(as_text(key), text, mac) ? hex(mac.data(), mac_digits) : std::string{};
}

}  // namespace

StickyCookie::StickyCookie(const config::Config& config, std::string_view process_key)
    : name_{config.stickiness.cookie}, ttl_{config.stickiness.ttl} {
  const std::string about = std::string{purpose} + config.profile;
  const auto add = [&](std::string_view secret) {
    Key key;
    if (secret.empty() || !hmac_sha256(secret, about, key.key)) return;
    for (const config::Endpoint& endpoint : config.endpoints) {
      Mac tag{};  // of another shape than what is signed, so that neither can stand for the other
      if (!hmac_sha256(as_text(key.key), "endpoint " + endpoint.name, tag)) return;
      key.tags.push_back(hex(tag.data(), tag_digits));
    }
    keys_.push_back(std::move(key));
  };
  for (const config::Secret& secret : config.stickiness.cookie_keys) add(secret.reveal());
  if (config.stickiness.cookie_keys.empty()) add(process_key);
}

std::optional<StickyCookie::Index> StickyCookie::read(const FieldList& fields,
                                                      std::int64_t now_ms) const {
  if (!fields.has(FieldName::cookie)) return std::nullopt;
  std::size_t count = 0;
  std::string_view value;
  for (const Field& field : fields) {
    if (field.id != FieldName::cookie) continue;
    each_cookie(field.value, [&](const Cookie& cookie) {
      if (cookie.name != name_) return;
      ++count;
      value = cookie.value;
    });
  }
  return count == 1 ? verify(value, now_ms) : std::nullopt;
}

std::optional<StickyCookie::Index> StickyCookie::verify(std::string_view value,
                                                        std::int64_t now_ms) const {
  if (value.size() != value_size) return std::nullopt;
  const auto expires = parse_time(value.substr(0, time_digits));
  // Before the signature, which costs: what is expired is of no use however it is signed.
  if (!expires || *expires <= now_ms || *expires - now_ms > ttl_.count() + clock_skew_ms)
    return std::nullopt;
  for (const Key& key : keys_) {
    const std::string wanted = signature(key.key, value.substr(0, signed_digits));
    if (wanted.size() != mac_digits ||
        CRYPTO_memcmp(wanted.data(), value.data() + signed_digits, mac_digits) != 0)
      continue;
    const auto tag =
        std::find(key.tags.begin(), key.tags.end(), value.substr(time_digits, tag_digits));
    if (tag == key.tags.end()) return std::nullopt;
    return static_cast<Index>(tag - key.tags.begin());
  }
  return std::nullopt;
}

std::string StickyCookie::line(Index endpoint, std::int64_t now_ms, bool secure) const {
  if (keys_.empty() || ttl_.count() <= 0) return {};
  const Key& key = keys_.front();
  const std::string text = hex_time(now_ms + ttl_.count()) + key.tags.at(endpoint);
  const std::string mac = signature(key.key, text);
  if (mac.empty()) return {};
  const std::int64_t seconds = (ttl_.count() + 999) / 1000;  // the signed time is the exact one
  std::string line = "Set-Cookie: " + name_;
  line.append("=").append(text).append(mac);
  line.append("; Path=/; Max-Age=").append(std::to_string(seconds));
  line.append("; HttpOnly; SameSite=Lax").append(secure ? "; Secure\r\n" : "\r\n");
  return line;
}

}  // namespace proxy
