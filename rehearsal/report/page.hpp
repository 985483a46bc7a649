// Pieces of the HTML page and its chapters in the order of the page. A chapter appends to `out`;
// cells are HTML already: what comes from outside went through `escape`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rehearsal/report/report.hpp"
#include "rehearsal/report/text.hpp"

namespace report {

std::string_view style();

struct Column {
  std::string_view name;
  bool number = false;
};

// A table: the first cell of a row is its heading. Of more than `most` rows the rest is counted.
struct Table {
  std::string caption;
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
  std::string_view without = "Nothing to show.";  // instead of a table without rows
  static constexpr std::size_t most = 1'000;
  void add_to(std::string& out) const;
};

void heading(std::string& out, std::string_view text);
std::string mark(std::string_view css, std::string_view text);

void add_predictions(std::string& out, const Run&);
void add_findings(std::string& out, const Run&);
void add_sequence(std::string& out, const Run&);
void add_starts(std::string& out, const Run&);
void add_requests(std::string& out, const Run&);
void add_work(std::string& out, const Run&);
void add_replication(std::string& out, const Run&);
void add_topology(std::string& out, const Run&);
void add_provenance(std::string& out, const Run&);
void add_protocol(std::string& out, const Run&);
void add_evidence(std::string& out, const Run&);

}  // namespace report
