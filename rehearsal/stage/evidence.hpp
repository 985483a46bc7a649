// The folder that a rehearsal leaves: the report in four forms and, below it, what the report rests
// on. Functions that fail answer with the problem in words, "" is well.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rehearsal/report/report.hpp"
#include "rehearsal/verdict/record.hpp"

namespace stage {

// Makes the folder with `evidence/` in it. A folder that has something else in it than an earlier
// report of ours is refused; an earlier report is removed.
std::string make_report_folder(const std::string& folder);

// requests.csv, starts.csv, executions.csv, events.csv.
std::string write_records(const std::string& evidence_folder, const verdict::RunRecord& record);

// report.html, result.json, junit.xml, report.md. Fills `run.evidence` from the folder before.
std::string write_report(const std::string& folder, report::Run& run);

std::string write_file(const std::string& path, std::string_view text);
std::string sha256(std::string_view bytes);  // 64 hex digits

report::Machine this_machine();

}  // namespace stage
