// The rows of a list that no endpoint can give: of instances that wait in the start ledger. Which
// of them a query lets pass, and which rows of an endpoint they stand for. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace desk {

class WaitingRows {
 public:
  // `rows` as in ListJob; `query` the client's, without '?'. A row that the filters hold back does
  // not stand for anything either: the endpoint's own row may pass them.
  WaitingRows(std::vector<std::string> rows, std::string_view query);

  const std::vector<std::string>& passed() const { return passed_; }
  // Whether this row of an endpoint is of an instance that is shown as waiting.
  bool shows(std::string_view row) const;

 private:
  std::vector<std::string> passed_;
  std::unordered_set<std::string> ids_;
};

}  // namespace desk
