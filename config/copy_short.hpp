// A copy for texts that are mostly short, on paths where a call costs more than the copy. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace config {

// Two words that overlap: any size from one word to two.
template <class Word>
inline void copy_ends(char* to, const char* from, std::size_t size) {
  Word first, last;
  std::memcpy(&first, from, sizeof first);
  std::memcpy(&last, from + size - sizeof last, sizeof last);
  std::memcpy(to, &first, sizeof first);
  std::memcpy(to + size - sizeof last, &last, sizeof last);
}

// As memcpy; `from` may be null when `size` is 0.
inline void copy_short(char* to, const char* from, std::size_t size) {
  if (size > 32) {
    std::memcpy(to, from, size);
  } else if (size > 16) {
    copy_ends<std::array<std::uint64_t, 2>>(to, from, size);
  } else if (size >= 8) {
    copy_ends<std::uint64_t>(to, from, size);
  } else if (size >= 4) {
    copy_ends<std::uint32_t>(to, from, size);
  } else {
    for (std::size_t i = 0; i < size; ++i) to[i] = from[i];
  }
}

}  // namespace config
