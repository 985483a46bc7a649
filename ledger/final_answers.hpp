// Bodies of final statuses, for polls while the region of their instance is away. Bounded by bytes,
// the one kept longest ago goes first. In memory only. Any thread; one short lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "ledger/instance.hpp"

namespace ledger {

class FinalAnswers {
 public:
  static constexpr std::size_t longest_body = 16 << 10;
  static constexpr std::size_t most_bytes = 64
                                            << 20;  // bodies, keys and what it costs to keep them

  using Body = std::shared_ptr<const std::string>;

  // Which run ended how: a body is only good for that.
  struct Ending {
    Place place = no_place;
    LastStatus status = LastStatus::unknown;
    std::int64_t created_ms = 0;
    bool operator==(const Ending&) const = default;
  };

  void keep(std::string_view key, const Ending&,
            std::string body);  // too long: drops the earlier one
  Body find(std::string_view key, const Ending&) const;
  void drop(std::string_view key);
  std::size_t bytes() const;

 private:
  struct Answer {
    std::string key;
    Ending ending;
    Body body;
    std::size_t cost;
  };
  using Answers = std::list<Answer>;
  void remove(Answers::iterator);

  mutable std::mutex mutex_;
  Answers answers_;                                                 // newest first
  std::unordered_map<std::string_view, Answers::iterator> by_key_;  // views of Answer::key
  std::size_t bytes_ = 0;
};

}  // namespace ledger
