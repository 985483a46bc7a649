// The faults of a link as the query of a URL, for the control listeners that set them. Pure.
#pragma once

#include <string>
#include <string_view>

#include "transport/link_fault.hpp"

namespace transport {

// "mode=blackhole&delay=30ms", percent-encoded: names and values as link_fault.hpp has them, and
// "endpoint" and "for", which are left to the caller. "" or what is wrong.
std::string parse_link_fault(std::string_view query, LinkFault& fault);

}  // namespace transport
