// Signed tokens that stand in a status URL instead of a key and are good for one instance only, so
// that one URL cannot be used to list or end other instances. A token is made from the proxy's own
// client keys and holds no state: any proxy with the same keys accepts it.
// Immutable; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace durable {

class StatusTokens {
 public:
  // The first key signs; every key verifies, so that a rotation does not end the URLs in use.
  // Empty keys do not count.
  explicit StatusTokens(std::span<const std::string_view> keys);

  bool empty() const { return keys_.empty(); }
  // "ust1." and 43 characters that need no escaping anywhere; empty without a key.
  // `instance_id` is the canonical id.
  std::string sign(std::string_view instance_id) const;
  // Takes the same time whatever differs and whichever key matches.
  bool verify(std::string_view token, std::string_view instance_id) const;
  // Cheap, so that a key is not taken for a token.
  static bool looks_like_token(std::string_view text) { return text.substr(0, 5) == "ust1."; }

 private:
  using Mac = std::array<std::uint8_t, 32>;
  std::vector<Mac> keys_;  // derived for this purpose
};

// The id that a path segment means: %XX decoded once, '+' left alone, malformed escapes too.
std::string canonical_id(std::string_view segment);

}  // namespace durable
