// What the command lines of the rehearsal's processes share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "config/units.hpp"

namespace rehearsal {

inline constexpr int bad_input = 2;

// An option whose text is turned into a value by a parser that answers with an optional
// config::Problem. `value` must outlive the parsing.
template <class T, class Parse>
CLI::Option* add_parsed(CLI::App& app, const std::string& name, T& value, Parse parse,
                        const std::string& description) {
  return app.add_option_function<std::string>(
      name,
      [&value, parse, name](const std::string& text) {
        if (const auto problem = parse(text, value))
          throw CLI::ValidationError(name, text + ": " + problem->rule + "; " + problem->hint);
      },
      description);
}

}  // namespace rehearsal
