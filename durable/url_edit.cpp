#include "durable/url_edit.hpp"

#include <algorithm>
#include <utility>

#include "durable/query.hpp"
#include "durable/status_tokens.hpp"
#include "durable/text.hpp"

namespace durable {
namespace {

std::string_view without_slash(std::string_view text) {
  while (!text.empty() && text.back() == '/') text.remove_suffix(1);
  return text;
}

// Whole segments: "/a" is in front of "/a", "/a/b", not of "/ab".
bool has_prefix(std::string_view path, std::string_view prefix) {
  return path.substr(0, prefix.size()) == prefix &&
         (path.size() == prefix.size() || path[prefix.size()] == '/');
}

bool same_any_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

bool begins_with_base(std::string_view path) {
  for (const std::string_view base :
       {"/runtime/webhooks/durabletask", "/admin/extensions/durabletaskextension"})
    if (same_word(path.substr(0, base.size()), base) &&
        has_prefix(path, path.substr(0, base.size())))
      return true;
  return false;
}

// The same authority, under either scheme if neither names a port of its own.
bool same_side(const UrlOrigin& url, const UrlOrigin& side) {
  if (!same_any_case(url.host, side.host)) return false;
  if (url.any_scheme) return url.port == 0 || url.port == side.port;
  const auto implied = [](const UrlOrigin& origin) {
    return origin.port == (origin.tls ? 443 : 80);
  };
  return url.port == side.port || (implied(url) && implied(side));
}

}  // namespace

DurablePath durable_path(std::string_view path) {
  DurablePath out;
  std::string_view before, before_that;
  while (!path.empty()) {
    if (path.front() == '/') path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    if (!out.below_base && ((same_word(segment, "durabletask") && same_word(before, "webhooks") &&
                             same_word(before_that, "runtime")) ||
                            (same_word(segment, "durabletaskextension") &&
                             same_word(before, "extensions") && same_word(before_that, "admin")))) {
      out.below_base = true;
      out.instance_id = {};
    } else if (out.instance_id.empty() && same_word(before, "instances")) {
      out.instance_id = segment;
    }
    before_that = before;
    before = segment;
  }
  return out;
}

std::string_view url_path(std::string_view url) {
  const auto origin = url_origin(url);
  if (origin) url.remove_prefix(origin->length);
  return url.substr(0, path_end(url, 0));
}

UrlEditor::UrlEditor(const UrlRewrite& rewrite, Place place, std::string payload_instance)
    : rewrite_{rewrite},
      place_{place},
      public_origin_{without_slash(rewrite.public_origin)},
      public_side_{url_origin(public_origin_)},
      endpoint_prefix_{without_slash(rewrite.endpoint_prefix)},
      payload_instance_{std::move(payload_instance)} {
  if (public_side_) public_prefix_ = public_origin_.substr(public_side_->length);
  if (!rewrite.code.empty()) plain_parameter_ = "&code=" + percent_encode(rewrite.code);
}

std::span<const UrlEdit> UrlEditor::edits(std::string_view url) {
  edits_.clear();
  std::size_t path_begin = 0;
  Owner owner = owner_of(url, path_begin);
  if (owner == Owner::nobody) return {};
  const std::size_t end = path_end(url, path_begin);
  const std::string_view path = url.substr(path_begin, end - path_begin);
  const DurablePath meaning = durable_path(path);
  const bool about_itself = place_ == Place::payload || rewrite_.own_durable_urls;
  if (owner == Owner::foreign && about_itself && path_begin > 0 && begins_with_base(path))
    owner = Owner::endpoint;
  // In a payload a text that begins with a slash need not be a reference.
  const bool known = owner != Owner::relative || meaning.below_base || place_ == Place::location;
  if (known && !public_origin_.empty())
    edit_origin(url, owner, path_begin, path, meaning.below_base);
  if (rewrite_.replace_code) edit_code(url, end, owner, meaning);
  return edits_;
}

UrlEditor::Owner UrlEditor::owner_of(std::string_view url, std::size_t& path_begin) const {
  path_begin = 0;
  const auto origin = url_origin(url);
  if (!origin) {
    if (url.substr(0, 1) == "/" && url.substr(0, 2) != "//") return Owner::relative;
    return place_ == Place::location || same_word(url.substr(0, 4), "http") ? Owner::foreign
                                                                            : Owner::nobody;
  }
  if (origin->any_scheme && place_ == Place::payload) return Owner::nobody;
  path_begin = origin->length;
  if (std::any_of(rewrite_.origins.begin(), rewrite_.origins.end(),
                  [&](const Origin& candidate) { return same_origin(*origin, candidate); }))
    return Owner::endpoint;
  return public_side_ && same_side(*origin, *public_side_) ? Owner::public_side : Owner::foreign;
}

void UrlEditor::edit_origin(std::string_view url, Owner owner, std::size_t path_begin,
                            std::string_view path, bool durable) {
  // The app may know the public prefix (it sees forwarded fields); only a path that we can read
  // tells that from a path of its own that happens to begin like this.
  const bool prefixed = durable && !public_prefix_.empty() && has_prefix(path, public_prefix_);
  const std::string_view own = prefixed ? public_prefix_ : endpoint_prefix_;
  const std::size_t length = has_prefix(path, own) ? own.size() : 0;
  if (owner == Owner::endpoint || (owner == Owner::public_side && durable)) {
    replace(url, 0, path_begin + length, public_origin_);
  } else if (owner == Owner::relative) {
    replace(url, 0, length, public_prefix_);
  }
}

void UrlEditor::edit_code(std::string_view url, std::size_t query, Owner owner,
                          const DurablePath& path) {
  const bool on_our_host = owner == Owner::endpoint || owner == Owner::public_side;
  const bool every = (on_our_host && (place_ == Place::payload || path.below_base)) ||
                     (owner == Owner::relative && path.below_base);
  const std::size_t end = std::min(url.find('#', query), url.size());
  const bool has_query = query < end;
  const std::size_t begin = query + (has_query ? 1 : 0);
  const auto goes = [&](const Parameters& each) {
    return is_encoded_word(each.name(), "code") && (every || is_secret(each.value()));
  };
  bool has_code = false, keeps_any = false;
  for (Parameters each{url, begin, end}; has_query && each.next();)
    (goes(each) ? has_code : keeps_any) = true;
  if (!has_code && !(every && path.below_base)) return;
  std::string_view show = owner == Owner::foreign ? std::string_view{} : code_to_show(path);
  if (!has_code) {
    if (show.empty()) return;
    if (!has_query) edits_.push_back({end, end, "?"});
    const bool joins = begin < end && url[end - 1] != '&';
    edits_.push_back({end, end, show.substr(joins ? 0 : 1)});
    return;
  }
  if (show.empty() && !keeps_any) return replace(url, query, end, {});
  bool kept = false;  // something of the query stands before this parameter
  for (Parameters each{url, begin, end}; each.next();) {
    if (!goes(each)) {
      kept = true;
    } else if (!show.empty()) {
      replace(url, each.begin(), each.end(), show.substr(1));
      show = {};
      kept = true;
    } else {
      replace(url, each.begin() - (kept ? 1 : 0), each.end() + (kept || each.last() ? 0 : 1), {});
    }
  }
}

void UrlEditor::replace(std::string_view url, std::size_t begin, std::size_t end,
                        std::string_view text) {
  if (url.substr(begin, end - begin) != text) edits_.push_back({begin, end, text});
}

std::string_view UrlEditor::code_to_show(const DurablePath& path) {
  if (rewrite_.tokens == nullptr || !path.below_base || path.instance_id.empty())
    return plain_parameter_;
  const std::string id = canonical_id(path.instance_id);
  if (id != rewrite_.instance_id && id != payload_instance_) return plain_parameter_;
  if (token_parameter_.empty() || id != token_id_) {
    const std::string token = rewrite_.tokens->sign(id);
    if (token.empty()) return plain_parameter_;
    token_parameter_ = "&code=" + token;
    token_id_ = id;
  }
  return token_parameter_;
}

bool UrlEditor::is_secret(std::string_view raw_value) const {
  if (rewrite_.secrets.empty() || raw_value.empty()) return false;
  const std::string value = percent_decode(raw_value);
  return std::any_of(
      rewrite_.secrets.begin(), rewrite_.secrets.end(),
      [&](std::string_view secret) { return secret == value || secret == raw_value; });
}

}  // namespace durable
