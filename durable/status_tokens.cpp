#include "durable/status_tokens.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "durable/query.hpp"

namespace durable {
namespace {

constexpr std::string_view prefix = "ust1.";
constexpr std::string_view purpose = "understudy status token 1";
using Mac = std::array<std::uint8_t, 32>;

// False when the library cannot: no token is made or accepted then.
bool hmac_sha256(std::string_view key, std::string_view text, Mac& out) {
  unsigned length = 0;
  return HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
              reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(),
              &length) != nullptr &&
         length == out.size();
}

// Base64 of RFC 4648 section 5, unpadded.
std::string url_base64(const Mac& mac) {
  std::array<unsigned char, 45> text{};  // 44 characters and a NUL
  EVP_EncodeBlock(text.data(), mac.data(), static_cast<int>(mac.size()));
  std::string out{reinterpret_cast<const char*>(text.data()), 43};
  std::replace(out.begin(), out.end(), '+', '-');
  std::replace(out.begin(), out.end(), '/', '_');
  return out;
}

std::string token_with(const Mac& key, std::string_view instance_id) {
  Mac mac{};
  if (!hmac_sha256({reinterpret_cast<const char*>(key.data()), key.size()}, instance_id, mac))
    return {};
  return std::string{prefix} + url_base64(mac);
}

}  // namespace

StatusTokens::StatusTokens(std::span<const std::string_view> keys) {
  for (const std::string_view key : keys) {
    Mac derived{};
    if (!key.empty() && hmac_sha256(key, purpose, derived)) keys_.push_back(derived);
  }
}

std::string StatusTokens::sign(std::string_view instance_id) const {
  return keys_.empty() ? std::string{} : token_with(keys_.front(), instance_id);
}

bool StatusTokens::verify(std::string_view token, std::string_view instance_id) const {
  bool any = false;
  for (const Mac& key : keys_) {
    const std::string wanted = token_with(key, instance_id);
    const bool same = !wanted.empty() && wanted.size() == token.size() &&
                      CRYPTO_memcmp(wanted.data(), token.data(), wanted.size()) == 0;
    any |= same;  // no early way out: which key it was stays unknown
  }
  return any;
}

std::string canonical_id(std::string_view segment) {
  return percent_decode(segment);
}

}  // namespace durable
