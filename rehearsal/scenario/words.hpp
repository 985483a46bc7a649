// The words of the file for the enums of scenario.hpp, for config::Reader. Inner part of the box.
#pragma once

#include "config/words.hpp"
#include "rehearsal/scenario/scenario.hpp"

namespace config {

template <>
std::span<const Word<scenario::FaultKind>> words_of();
template <>
std::span<const Word<scenario::Operation>> words_of();
template <>
std::span<const Word<scenario::Until>> words_of();
template <>
std::span<const Word<scenario::Work>> words_of();
template <>
std::span<const Word<scenario::Expected>> words_of();

}  // namespace config
