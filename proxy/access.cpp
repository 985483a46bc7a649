#include "proxy/access.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace proxy {

Access::Digest Access::digest(std::string_view text) {
  Digest out{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data());
  return out;
}

Access::Access(const config::Config& config)
    : active_{config.clients.anonymous || !config.clients.keys.empty()},
      open_{config.clients.anonymous} {
  std::vector<std::string_view> keys;
  for (const config::Secret& key : config.clients.keys) {
    keys.push_back(key.reveal());
    keys_.push_back(digest(key.reveal()));
  }
  if (config.durable.status_tokens && !keys.empty()) tokens_.emplace(keys);
}

bool Access::is_key(std::string_view presented) const {
  const Digest given = digest(presented);
  int matches = 0;  // every key is compared, whichever matched
  for (const Digest& key : keys_)
    matches |= static_cast<int>(CRYPTO_memcmp(given.data(), key.data(), key.size()) == 0);
  return matches != 0;
}

bool Access::is_ours(std::string_view presented) const {
  if (presented.empty()) return false;
  return (tokens_ && durable::StatusTokens::looks_like_token(presented)) || is_key(presented);
}

Admission Access::judge(std::string_view presented, std::string_view instance_id) const {
  if (!presented.empty()) {
    if (is_key(presented)) return Admission::key;
    if (tokens_ && !instance_id.empty() && tokens_->verify(presented, instance_id))
      return Admission::token;
  }
  return open_ ? Admission::open : Admission::stranger;
}

}  // namespace proxy
