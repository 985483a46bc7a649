// Header fields of a control-plane message, in the order of the wire. Not for the data path, which
// works on string views of the raw head.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace transport {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

// The first field of that name, compared without regard to case; null when there is none.
const std::string* find_header(const HeaderList&, std::string_view name);

// Whether name and value can be written to the wire without changing the message's meaning.
bool is_writable_header(std::string_view name, std::string_view value);

}  // namespace transport
