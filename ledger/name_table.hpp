// Names of endpoints and functions as small numbers. A name once given a number keeps it, so that
// whoever got a number from another thread may read the name without a lock.
// Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>

namespace ledger {

class NameTable {
 public:
  static constexpr std::size_t most_names = 4096;
  static constexpr std::size_t longest_name = 256;
  static constexpr std::uint16_t none = 0xffff;

  std::uint16_t number_of(std::string_view name);  // none: the table is full, or no sensible name
  const std::string& name_of(std::uint16_t number) const;  // "" for none

 private:
  mutable std::shared_mutex mutex_;
  std::map<std::string, std::uint16_t, std::less<>> numbers_;
  std::size_t count_ = 0;
  const std::unique_ptr<std::string[]> names_ = std::make_unique<std::string[]>(most_names);
};

}  // namespace ledger
