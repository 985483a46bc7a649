// The words of the file for the enums of config.hpp, both ways. Also used in logs and the API.
#pragma once

#include <span>
#include <string_view>
#include <type_traits>

#include "config/config.hpp"

namespace config {

template <class E>
struct Word {
  std::string_view text;
  E value;
};

// All words of one enum, in the order in which messages list them.
template <class E>
std::span<const Word<E>> words_of();

template <>
std::span<const Word<Preset>> words_of();
template <>
std::span<const Word<Protocol>> words_of();
template <>
std::span<const Word<Peer>> words_of();
template <>
std::span<const Word<HostPolicy>> words_of();
template <>
std::span<const Word<AuthMode>> words_of();
template <>
std::span<const Word<AllDegraded>> words_of();
template <>
std::span<const Word<Disagreement>> words_of();
template <>
std::span<const Word<StickyClient>> words_of();
template <>
std::span<const Word<OnDegraded>> words_of();
template <>
std::span<const Word<FailbackMode>> words_of();
template <>
std::span<const Word<TaskHub>> words_of();
template <>
std::span<const Word<AwayPolls>> words_of();
template <>
std::span<const Word<DuplicateStatus>> words_of();
template <>
std::span<const Word<LedgerMode>> words_of();
template <>
std::span<const Word<GiveUp>> words_of();
template <>
std::span<const Word<SameIdElsewhere>> words_of();
template <>
std::span<const Word<LeaseFollow>> words_of();
template <>
std::span<const Word<StartVia>> words_of();
template <>
std::span<const Word<LogFormat>> words_of();
template <>
std::span<const Word<LogLevel>> words_of();

template <class E>
  requires std::is_enum_v<E>
std::string_view to_string(E value) {
  for (const Word<E>& word : words_of<E>())
    if (word.value == value) return word.text;
  return "?";
}

}  // namespace config
