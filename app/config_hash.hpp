// How two proxies, or a file and a proxy, are found to have the same configuration; and where
// ${VARIABLES} come from.
#pragma once

#include <string>
#include <string_view>

#include "config/parse.hpp"

namespace app {

std::string config_hash(std::string_view text);  // 12 hex digits of SHA-256

config::Environment process_environment();

}  // namespace app
