// Who may use the endpoints' keys: a client that presents one of the proxy's own keys, everyone
// when the door is open by configuration, and the holder of a token for one instance. Keys are
// compared by their digests in constant time, so that neither content nor length can be measured.
// Built on the control thread with each configuration; read by any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "durable/status_tokens.hpp"

namespace proxy {

enum class Admission : std::uint8_t {
  stranger,  // forwarded with what it brought; no key of ours is added
  open,      // clients.anonymous
  key,       // one of clients.keys
  token,     // a status token for the instance of this request
};

class Access {
 public:
  Access() = default;
  explicit Access(const config::Config& config);

  // False: no request needs to be looked at, there is neither a key to lend nor one to compare.
  bool active() const { return active_; }

  // `presented` is the decoded value of x-functions-key, else of `code`; `instance_id` the
  // canonical id of a request that a token can stand for, else empty.
  Admission judge(std::string_view presented, std::string_view instance_id) const;

  // Whether an endpoint must not see this: a key of the proxy, or what looks like a token of it.
  bool is_ours(std::string_view presented) const;

  // What makes tokens when durable.status_tokens is on; null otherwise.
  const durable::StatusTokens* tokens() const { return tokens_ ? &*tokens_ : nullptr; }

 private:
  using Digest = std::array<unsigned char, 32>;
  static Digest digest(std::string_view text);
  bool is_key(std::string_view presented) const;

  bool active_ = false;
  bool open_ = false;
  std::vector<Digest> keys_;
  std::optional<durable::StatusTokens> tokens_;
};

}  // namespace proxy
