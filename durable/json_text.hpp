// The strings of a JSON text: where they end, and what they say, with a way back to the bytes.
// For one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace durable {

// Deeper nesting is not followed: no answer that we look into has it.
inline constexpr std::size_t most_json_depth = 256;

// Bytes before the first quote, backslash or control character; text.size() when there is none.
std::size_t plain_run(std::string_view text);

// Bytes of the escape at the front of `text` (which begins with a backslash); 0 when it is none.
std::size_t json_escape_length(std::string_view text);

// The text between the quotes of one string. UTF-8; half a surrogate pair becomes U+FFFD, and an
// escape that JSON does not have stands for itself.
class JsonText {
 public:
  // `raw` must outlive the use of text().
  void assign(std::string_view raw, bool has_escapes);
  std::string_view text() const { return text_; }
  // Where the character at this place of text() begins in the raw string.
  std::size_t raw_position(std::size_t position) const {
    return origin_.empty() ? position : origin_[position];
  }

 private:
  void decode(std::string_view raw);
  void add(std::uint32_t code_point, std::size_t at);

  std::string_view text_;
  std::string decoded_;
  std::vector<std::uint32_t> origin_;  // of each byte of decoded_, and of its end; empty: the same
};

// `text` as part of a JSON string. Control characters have no business in a URL and are left out.
void append_json_escaped(std::string& out, std::string_view text);

}  // namespace durable
