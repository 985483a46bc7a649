// What changes in one URL of an app's answer: its origin, a path prefix, its `code`. Works on
// places in the text and never builds a URL anew.
// One editor per answer; for one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "durable/management_urls.hpp"

namespace durable {

struct UrlEdit {  // the bytes [begin, end) become `text`
  std::size_t begin = 0, end = 0;
  std::string_view text;
};

struct DurablePath {
  bool below_base = false;       // of v2+ or v1, possibly behind a prefix that somebody added
  std::string_view instance_id;  // segment behind /instances/, also of other paths
};
DurablePath durable_path(std::string_view path);
// From behind the authority to the query; of a reference without authority from its beginning.
std::string_view url_path(std::string_view url);

class UrlEditor {
 public:
  enum class Place : std::uint8_t { payload, location };

  // `rewrite` must outlive the editor. `payload_instance`: canonical id of the instance that the
  // payload is about; its URLs get tokens, and so do those of rewrite.instance_id.
  UrlEditor(const UrlRewrite& rewrite, Place place, std::string payload_instance = {});

  // In order and not overlapping; valid until the next call.
  std::span<const UrlEdit> edits(std::string_view url);

 private:
  enum class Owner : std::uint8_t { endpoint, public_side, relative, foreign, nobody };

  Owner owner_of(std::string_view url, std::size_t& path_begin) const;
  void edit_origin(std::string_view url, Owner owner, std::size_t path_begin, std::string_view path,
                   bool durable);
  void edit_code(std::string_view url, std::size_t query, Owner owner, const DurablePath& path);
  void replace(std::string_view url, std::size_t begin, std::size_t end, std::string_view text);
  // "&code=..." of what is to be shown; empty: nothing.
  std::string_view code_to_show(const DurablePath& path);
  bool is_secret(std::string_view raw_value) const;

  const UrlRewrite& rewrite_;
  const Place place_;
  std::string_view public_origin_;  // without a slash at its end
  std::string_view public_prefix_;  // its path
  std::optional<UrlOrigin> public_side_;
  std::string_view endpoint_prefix_;
  std::string payload_instance_;
  std::string plain_parameter_, token_parameter_, token_id_;
  std::vector<UrlEdit> edits_;
};

}  // namespace durable
