#include "rehearsal/shared_key.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace rehearsal {

std::optional<std::string> read_storage_key(std::string_view base64) {
  if (base64.empty() || base64.size() % 4 != 0 || base64.size() > 1024) return std::nullopt;
  std::array<unsigned char, 1024> bytes{};
  const auto* text = reinterpret_cast<const unsigned char*>(base64.data());
  const int size = EVP_DecodeBlock(bytes.data(), text, static_cast<int>(base64.size()));
  if (size < 0) return std::nullopt;
  const auto padding = base64.size() - std::min(base64.size(), base64.find_last_not_of('=') + 1);
  if (padding > 2) return std::nullopt;
  return std::string(bytes.begin(), bytes.begin() + size - static_cast<int>(padding));
}

// The verb, eleven standard fields of which one or none is used here, the service's own fields in
// order, and what is asked for. Behind an emulator the account shows twice, for it is also the
// path's beginning.
std::string text_to_sign(const SignedCall& call) {
  std::string text = call.method + "\n\n\n\n\n\n\n\n\n" + call.if_none_match + "\n\n\n";
  for (const auto& [name, value] : call.x_fields) text += name + ":" + value + "\n";
  text += "/" + call.account + call.path;
  for (const auto& [name, value] : call.query) text += "\n" + name + ":" + value;
  return text;
}

transport::HeaderList signed_fields(const SignedCall& call, const std::string& key) {
  const std::string text = text_to_sign(call);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size);
  std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> base64{};
  EVP_EncodeBlock(base64.data(), mac.data(), static_cast<int>(size));
  transport::HeaderList fields;
  for (const auto& [name, value] : call.x_fields) fields.emplace_back(name, value);
  if (!call.if_none_match.empty()) fields.emplace_back("If-None-Match", call.if_none_match);
  fields.emplace_back("Authorization", "SharedKey " + call.account + ":" +
                                           reinterpret_cast<const char*>(base64.data()));
  return fields;
}

}  // namespace rehearsal
