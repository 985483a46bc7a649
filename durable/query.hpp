// Reads and edits the query of a request target, byte-exact around what is edited. Names are
// compared without regard to letter case and percent-encoding, as an app does; every occurrence of
// a repeated parameter is treated.
// Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace durable {

// Steps through the parameters of the query that is [begin, end) of a text.
class Parameters {
 public:
  Parameters(std::string_view text, std::size_t begin, std::size_t end);
  bool next();  // before the first one too; an empty query has one empty parameter

  std::size_t begin() const { return begin_; }
  std::size_t end() const { return end_; }
  bool last() const { return end_ == last_; }
  std::string_view name() const { return text_.substr(begin_, name_end_ - begin_); }
  std::string_view value() const {  // raw; empty when there is no '='
    return name_end_ == end_ ? std::string_view{}
                             : text_.substr(name_end_ + 1, end_ - name_end_ - 1);
  }

 private:
  std::string_view text_;
  std::size_t begin_, end_, last_, name_end_;
  bool first_ = true;
};

struct QueryEdit {
  enum class Change : std::uint8_t { keep, drop, replace };
  bool drop_code = false;
  // Replaces the first `code`, drops the others, and is appended when there is none. Comes before
  // drop_code. All values are plain text and percent-encoded here.
  std::optional<std::string_view> code_to_set = {};
  Change task_hub = Change::keep;  // replace: only where there is one
  std::string_view task_hub_value = {};
  Change connection = Change::keep;
  std::string_view connection_value = {};
};

// The edited target; nullopt when it stays as it is.
std::optional<std::string> edit_query(std::string_view target, const QueryEdit& edit);

// The raw value of the first parameter of this name ("" when it has no value); nullopt: none.
// `lower_case_name` as in "taskhub".
std::optional<std::string_view> find_parameter(std::string_view target,
                                               std::string_view lower_case_name);

// %XX undone once; '+' and malformed escapes stay.
std::string percent_decode(std::string_view text);
// Everything but letters, digits and -._~ as %XX.
std::string percent_encode(std::string_view text);
// Whether `raw`, percent-decoded, is this word (lower case), letter case ignored.
bool is_encoded_word(std::string_view raw, std::string_view lower_case_word);

}  // namespace durable
