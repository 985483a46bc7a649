// Undoes the content coding of an answer that has to be read. Pure: bytes in, bytes out.
// Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace durable {

enum class ContentCoding : std::uint8_t { gzip, deflate };

struct ContentCodings {  // in the order in which they were applied
  std::array<ContentCoding, 2> items{};
  std::size_t count = 0;  // 0: identity
  bool operator==(const ContentCodings&) const = default;
};

// The value of Content-Encoding (several fields: joined by commas): gzip, x-gzip, deflate and
// identity; nullopt for another coding and for more than two.
std::optional<ContentCodings> parse_content_encoding(std::string_view value);

// The decoded body; nullopt when it is damaged, incomplete, followed by something else, or longer
// than `limit` after any of the steps. Memory stays below twice the limit. "deflate" is read with
// and without its zlib wrapper, because servers send both.
std::optional<std::string> decode_content(std::string_view body, const ContentCodings& codings,
                                          std::size_t limit);

}  // namespace durable
