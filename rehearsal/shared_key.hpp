// How a call to a storage account, or to an emulator of one, is signed: the scheme "Shared Key" of
// the blob service, for calls without a body. Pure; whoever calls gives the date. The key never
// leaves this file's functions but as a signature.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "transport/headers.hpp"

namespace rehearsal {

struct SignedCall {
  std::string method;
  std::string account;
  std::string path;  // as it is sent; with the account in front, when the emulator wants it there
  std::map<std::string, std::string> query;     // not encoded; names in lower case
  std::map<std::string, std::string> x_fields;  // x-ms-...; names in lower case
  std::string if_none_match;
};

// Decodes a key as the account shows it, in base64; nullopt: it is none.
std::optional<std::string> read_storage_key(std::string_view base64);
std::string text_to_sign(const SignedCall&);
// The fields to send: the call's own and Authorization.
transport::HeaderList signed_fields(const SignedCall&, const std::string& key);

}  // namespace rehearsal
