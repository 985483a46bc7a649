#include "ledger/name_table.hpp"

#include <mutex>

namespace ledger {

std::uint16_t NameTable::number_of(std::string_view name) {
  if (name.empty() || name.size() > longest_name) return none;
  {
    const std::shared_lock lock{mutex_};
    if (const auto known = numbers_.find(name); known != numbers_.end()) return known->second;
  }
  const std::unique_lock lock{mutex_};
  if (const auto known = numbers_.find(name); known != numbers_.end()) return known->second;
  if (count_ == most_names) return none;
  const auto number = static_cast<std::uint16_t>(count_);
  numbers_.emplace(name, number);
  names_[count_++] = name;
  return number;
}

const std::string& NameTable::name_of(std::uint16_t number) const {
  static const std::string nameless;
  return number >= most_names ? nameless : names_[number];
}

}  // namespace ledger
