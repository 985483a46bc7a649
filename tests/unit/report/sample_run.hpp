// A made-up run with something in every part of it, for the tests of what is told of a run.
#pragma once

#include <string>

#include "rehearsal/report/report.hpp"

namespace report_test {

report::Run sample_run();

// The same with texts that try to leave the place they are put into, wherever a text may stand.
report::Run hostile_run(const std::string& text);

}  // namespace report_test
