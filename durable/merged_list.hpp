// Lists of instances or entities that span several hubs, the parts without I/O: the continuation
// token that leads through the endpoints one after another, and the page put together from their
// answers. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace durable {

// Where the next page begins: at an endpoint, with that endpoint's own token, after `skip` items of
// the page that this token leads to (an app that ignores `top` sends more than was asked for).
struct ListPosition {
  std::string endpoint;  // by name: ids do not survive a restart
  std::string token;     // empty: from the start of that endpoint
  std::uint32_t skip = 0;
  bool operator==(const ListPosition&) const = default;
};

// base64url of a versioned JSON text, `decode` takes what `encode` made and nothing
// else: a region's own token, a cut or an edited one is nullopt (the client gets 400).
std::string encode_list_token(const ListPosition& position);
std::optional<ListPosition> decode_list_token(std::string_view token);

// The client's query with `top` taken out and read, and without what is ours (`partial`) or
// replaced per endpoint (`code`, `taskHub`, `connection`). Everything else stays byte for byte.
struct ListQuery {
  std::string rest;                  // without '?'
  std::optional<std::uint32_t> top;  // above 0; anything else that was written is left in `rest`
  bool partial = false;              // partial=allow
  bool names_task_hub = false;       // the client wrote taskHub=
  bool names_connection = false;
};
ListQuery parse_list_query(std::string_view query);

// The elements of a JSON array, each as its own bytes. nullopt: not a JSON array. An array of more
// than `most` elements is nullopt as well.
std::optional<std::vector<std::string_view>> split_json_array(std::string_view body,
                                                              std::size_t most = 1'000'000);

// One page under construction. Elements that are the same bytes as an earlier one are left out.
class MergedPage {
 public:
  explicit MergedPage(std::optional<std::uint32_t> top) : top_{top} {}
  bool full() const { return top_ && count_ >= *top_; }
  std::optional<std::uint32_t> room() const;  // what to ask the next endpoint for
  std::size_t bytes() const { return body_.size(); }
  // Takes elements from `items[skip..]` while there is room; how far it came, as an index.
  std::size_t add(const std::vector<std::string_view>& items, std::size_t skip);
  std::string body() const;  // the JSON array

 private:
  struct Slice {  // of body_
    std::size_t at, size;
  };
  std::optional<std::uint32_t> top_;
  std::size_t count_ = 0;
  std::string body_;
  std::unordered_multimap<std::size_t, Slice> seen_;  // by hash
};

}  // namespace durable
