#include "ledger/final_answers.hpp"

#include <iterator>
#include <utility>

namespace ledger {
namespace {

constexpr std::size_t overhead =
    256;  // nodes of the list and the map, counts of the shared pointer

}  // namespace

void FinalAnswers::remove(Answers::iterator answer) {
  bytes_ -= answer->cost;
  by_key_.erase(answer->key);
  answers_.erase(answer);
}

void FinalAnswers::keep(std::string_view key, const Ending& ending, std::string body) {
  if (body.size() > longest_body) return drop(key);
  body.shrink_to_fit();
  const std::size_t cost = body.size() + key.size() + overhead;
  auto kept = std::make_shared<const std::string>(std::move(body));
  const std::lock_guard lock{mutex_};
  if (const auto earlier = by_key_.find(key); earlier != by_key_.end()) remove(earlier->second);
  while (bytes_ + cost > most_bytes) remove(std::prev(answers_.end()));
  answers_.push_front({std::string{key}, ending, std::move(kept), cost});
  by_key_.emplace(answers_.front().key, answers_.begin());
  bytes_ += cost;
}

FinalAnswers::Body FinalAnswers::find(std::string_view key, const Ending& ending) const {
  const std::lock_guard lock{mutex_};
  const auto found = by_key_.find(key);
  if (found == by_key_.end() || found->second->ending != ending) return nullptr;
  return found->second->body;
}

void FinalAnswers::drop(std::string_view key) {
  const std::lock_guard lock{mutex_};
  if (const auto found = by_key_.find(key); found != by_key_.end()) remove(found->second);
}

std::size_t FinalAnswers::bytes() const {
  const std::lock_guard lock{mutex_};
  return bytes_;
}

}  // namespace ledger
