// Sticky answers that the client keeps for us, in a signed cookie: no memory here, and every proxy
// of the same profile with the same keys agrees on them, over restarts too. The value says which
// endpoint and until when; it names the endpoint by a keyed hash of its name, and whoever cannot
// sign gets no further with it than a client without a cookie. The first key signs, every key
// verifies, so that a rotation moves nobody.
// Immutable; made with each configuration, read by any thread. Time is an argument: wall time in
// milliseconds, because the answer outlives the process.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "proxy/head.hpp"

namespace proxy {

class StickyCookie {
 public:
  using Index = std::size_t;  // into Config::endpoints

  // `process_key` signs when the configuration has no key.
  StickyCookie(const config::Config& config, std::string_view process_key);

  std::string_view name() const { return name_; }

  // The answer that a request brings. None: no such cookie, more than one (which is ours?), one
  // that is forged, expired or of an endpoint that is gone, or one that claims more time than an
  // answer of today gets (a TTL that was shortened, a clock that stepped back).
  std::optional<Index> read(const FieldList& fields, std::int64_t now_ms) const;

  // The line that gives a client the answer from now on. Empty when it cannot be signed.
  std::string line(Index endpoint, std::int64_t now_ms, bool secure) const;

 private:
  using Mac = std::array<std::uint8_t, 32>;
  struct Key {
    Mac key{};                      // derived for this purpose and profile
    std::vector<std::string> tags;  // of the endpoints
  };

  std::optional<Index> verify(std::string_view value, std::int64_t now_ms) const;

  std::string name_;
  config::Millis ttl_;
  std::vector<Key> keys_;
};

}  // namespace proxy
