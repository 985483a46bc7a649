// What happened, in order: steps, faults, the proxy's events, account failovers and changes of the
// app lease merged into one list, for the page and the JSON. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rehearsal/report/report.hpp"
#include "rehearsal/report/text.hpp"

namespace report {

struct Happening {
  At at{0};
  std::string_view source;  // step, fault, proxy, alert, storage, lease
  std::string text;
};

std::vector<Happening> sequence_of(const verdict::RunRecord&);

std::string_view word_of(verdict::Met);       // yes, no, not_measured
std::string_view word_of(verdict::Severity);  // high, medium, low, note

}  // namespace report
