#include "desk/waiting_rows.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "durable/query.hpp"
#include "durable/status_answer.hpp"
#include "durable/text.hpp"

namespace desk {
namespace {

constexpr std::array<std::string_view, 9> statuses{"running", "completed", "continuedasnew",
                                                   "failed",  "canceled",  "terminated",
                                                   "pending", "suspended", "unknown"};

std::string lower_case(std::string_view text) {
  std::string out{text};
  for (char& c : out) c = durable::lower(c);
  return out;
}

// What the apps understand of a list's query.
class Filter {
 public:
  explicit Filter(std::string_view query) {
    durable::Parameters parameters{query, 0, query.size()};
    while (parameters.next()) read(parameters.name(), parameters.value());
  }

  bool passes(const durable::StatusAnswer& row) const {
    if (unreadable_) return false;
    if (!row.instance_id.starts_with(prefix_)) return false;
    if (!wanted_.empty() &&
        std::find(wanted_.begin(), wanted_.end(), lower_case(row.runtime_status)) == wanted_.end())
      return false;
    if (from_ && !(row.created_time && *row.created_time >= *from_)) return false;
    return !to_ || (row.created_time && *row.created_time <= *to_);
  }

 private:
  void read(std::string_view name, std::string_view value) {
    if (durable::is_encoded_word(name, "runtimestatus"))
      read_statuses(durable::percent_decode(value));
    else if (durable::is_encoded_word(name, "instanceidprefix"))
      prefix_ = durable::percent_decode(value);
    else if (durable::is_encoded_word(name, "createdtimefrom"))
      read_time(from_, durable::percent_decode(value));
    else if (durable::is_encoded_word(name, "createdtimeto"))
      read_time(to_, durable::percent_decode(value));
  }
  // May be repeated; what is no status filters nothing.
  void read_statuses(std::string_view list) {
    while (!list.empty()) {
      const std::size_t end = std::min(list.find(','), list.size());
      std::string word = lower_case(list.substr(0, end));
      std::erase(word, ' ');
      if (std::find(statuses.begin(), statuses.end(), word) != statuses.end())
        wanted_.push_back(std::move(word));
      list.remove_prefix(std::min(end + 1, list.size()));
    }
  }
  // What to say to a time that is none is for the app to decide.
  void read_time(std::optional<durable::WallTime>& time, const std::string& text) {
    if (text.empty()) return;
    time = durable::parse_wall_time(text);
    if (!time) unreadable_ = true;
  }

  std::vector<std::string> wanted_;  // in lower case; empty: all
  std::string prefix_;
  std::optional<durable::WallTime> from_, to_;
  bool unreadable_ = false;
};

}  // namespace

WaitingRows::WaitingRows(std::vector<std::string> rows, std::string_view query) {
  const Filter filter{query};
  for (std::string& row : rows) {
    const auto status = durable::parse_status_answer(row);
    if (!status || !filter.passes(*status)) continue;
    if (!ids_.insert(status->instance_id).second) continue;
    passed_.push_back(std::move(row));
  }
}

bool WaitingRows::shows(std::string_view row) const {
  if (ids_.empty()) return false;
  const auto status = durable::parse_status_answer(row);
  return status && ids_.contains(status->instance_id);
}

}  // namespace desk
