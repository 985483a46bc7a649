// A run as files that people keep: one self-contained HTML page, JSON, JUnit XML and Markdown; and
// the comparison of two runs. Pure: text in, text out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/issue.hpp"
#include "rehearsal/scenario/scenario.hpp"
#include "rehearsal/verdict/record.hpp"
#include "rehearsal/verdict/verdict.hpp"

namespace report {

struct Machine {
  std::string host, system, processor;
  unsigned cores = 0;
  std::string memory;
};

struct Evidence {
  std::string file;  // relative to the report's folder
  std::uint64_t bytes = 0;
  std::string sha256;
};

// What a test protocol asks for; empty values become lines to fill in by hand.
struct Meta {
  std::string test_id, ticket, environment, purpose, business_rto, business_rpo, approver, sign_off,
      retest_date;
  std::vector<std::string> people, deviations;
  struct Action {
    std::string what, owner, due;
  };
  std::vector<Action> actions;
};
std::optional<Meta> parse_meta(std::string_view text, const std::string& file,
                               std::vector<config::Issue>& issues);

struct Run {
  scenario::Scenario scenario;
  verdict::RunRecord record;
  verdict::Judgement judgement;
  Meta meta;
  Machine machine;
  std::vector<std::pair<std::string, std::string>> versions;  // understudy, func, azurite, SQLite
  std::string command_line;
  std::string scenario_source;  // "built-in", or the file
  std::string config_hash;
  // Settings that differ from those of a running proxy: path, here, there. Unset: none was asked.
  struct Difference {
    std::string path, here, there;
  };
  std::string compared_with;
  std::optional<std::vector<Difference>> config_differences;
  std::vector<Evidence> evidence;
  bool attached = false;  // real endpoints, faults in the proxy's own upstream leg
};

std::string to_html(const Run&);
std::string to_json(const Run&);
std::string to_junit(const Run&);
std::string to_markdown(const Run&);

// What was real and what was modelled in this run: sentences for page one.
struct Basis {
  std::vector<std::string> real, modelled;
};
Basis basis_of(const Run&);

// `rehearse compare A B`: result.json texts. Regressed when the outcome or an objective got worse.
struct Compared {
  std::string text;  // a table for the terminal
  std::string json;
  bool regressed = false;
};
std::optional<Compared> compare(std::string_view a, std::string_view b, std::string& problem);

}  // namespace report
