// Moves the management URLs in an app's answers to the public origin, and takes the app's key out
// of them. Pure text: only the origin (with a path prefix) and the `code` parameter of a URL are
// replaced and every other byte stays as it was, because the URLs hold placeholders ({eventName},
// {text}, {{text}}) that no URL or JSON library would hand back unchanged.
// Any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "durable/origins.hpp"
#include "durable/payload_scanner.hpp"

namespace durable {

class StatusTokens;

// How the URLs of one answer are changed. A URL is ours when it is on one of `origins` or on the
// public origin itself (an app that trusts forwarded headers writes that), or relative; in a
// payload also when its path begins with a Durable base path, whatever name the app knows itself
// by.
struct UrlRewrite {
  std::span<const Origin> origins = {};   // see endpoint_origins()
  std::string_view public_origin = {};    // scheme://authority[/prefix]; empty: leave origins
  std::string_view endpoint_prefix = {};  // base path of the answering endpoint's URL: taken off
                                          // the front of the path, where it is there
  bool own_durable_urls = false;          // the same of a Location: the app speaks of itself
  bool replace_code = false;              // whether `code` parameters are touched at all
  std::string_view code = {};             // the key to show instead, in plain text (it is percent-
                                          // encoded here); empty: none
  const StatusTokens* tokens = nullptr;   // a token is shown instead of `code` in Durable URLs of
                                          // `instance_id` and of the instance that the payload's
                                          // own statusQueryGetUri names; of no other, or an app
                                          // that echoes or redirects would give tokens away
  std::string_view instance_id = {};      // canonical id, known from the request or its answer
  std::span<const std::string_view> secrets = {};  // keys of the endpoints, in plain text: with
                                                   // replace_code a `code` of such a value is
                                                   // replaced on any host's URL
};

struct Payload {
  std::string instance_id;  // value of the top-level key "id" (any case), decoded; empty: none
  std::string url_id;       // segment behind /instances/ in statusQueryGetUri, as the URL has it
                            // (see canonical_id)
  std::string body;         // rewritten; empty: nothing was to be changed
};

// A check-status payload (identity coding), its URLs rewritten in every string value; nullopt when
// the text is no JSON object with a key statusQueryGetUri (any case) at its top level.
// In a payload every `code` of a URL that is ours is replaced, or removed when there is none to
// show; a URL below a Durable base path that has no code gets the one to show.
std::optional<Payload> read_payload(std::string_view body, const UrlRewrite& rewrite);

// The same for a Location field: absolute URLs, //authority and /path references. Outside of the
// Durable base paths a `code` stays unless it is one of `secrets`: it may be OAuth's.
// nullopt: leave the field as it is.
std::optional<std::string> rewrite_location(std::string_view value, const UrlRewrite& rewrite);

}  // namespace durable
