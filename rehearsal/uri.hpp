// Percent-encoding and query strings as the Functions host reads them. Pure, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rehearsal {

// Bytes other than RFC 3986's unreserved characters become %XX.
std::string percent_encode(std::string_view text);
// Malformed escapes stay as they are.
std::string percent_decode(std::string_view text);

// The parameters of a query, decoded ("+" is a space there), looked up without regard to case.
class Query {
 public:
  explicit Query(std::string_view text);

  std::optional<std::string> find(std::string_view name) const;
  std::string get(std::string_view name, std::string_view otherwise = "") const;
  bool flag(std::string_view name, bool otherwise) const;  // true, 1 / false, 0
  // nullopt: absent or not a whole number within the range.
  std::optional<long long> number(std::string_view name, long long least, long long most) const;
  const std::vector<std::pair<std::string, std::string>>& all() const { return parameters_; }

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
};

bool same_ignoring_case(std::string_view a, std::string_view b);
std::optional<long long> parse_whole_number(std::string_view text, long long least, long long most);

}  // namespace rehearsal
