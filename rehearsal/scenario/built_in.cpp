#include "config/syntax.hpp"
#include "rehearsal/scenario/parse.hpp"

namespace scenario {

const BuiltIn* find_built_in(std::string_view name) {
  for (const BuiltIn& one : built_in_scenarios())
    if (one.name == name) return &one;
  return nullptr;
}

std::string nearest_built_in(std::string_view name) {
  std::vector<std::string> names;
  for (const BuiltIn& one : built_in_scenarios()) names.emplace_back(one.name);
  return config::nearest(name, names).value_or("");
}

}  // namespace scenario
