// Relations between values: what one key means for another. Works on resolved values in the order
// of the file, so that it can run even when single values were refused. Reads only the files that
// the configuration names, through the environment.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "config/parse.hpp"

namespace config {

// Where the rules put what they find. Silent about a path that already has an error, and about
// saying the same twice (a profile's setting that is wrong for two endpoints).
class Findings {
 public:
  Findings(const Source& source, const std::set<std::string>& refused, std::vector<Issue>& issues)
      : source_{source}, refused_{refused}, issues_{issues} {}

  void error(const std::string& path, std::string found, std::string rule, std::string hint);
  void warn(const std::string& path, std::string found, std::string rule, std::string hint);
  bool wrote(const std::string& path) const { return source_.wrote(path); }
  bool refused(const std::string& path) const { return refused_.contains(path); }
  const std::string& file() const { return source_.file; }

 private:
  void add(Severity, const std::string& path, std::string found, std::string rule,
           std::string hint);

  const Source& source_;
  const std::set<std::string>& refused_;
  std::vector<Issue>& issues_;
};

void check(const Config&, const Environment&, Findings&);
void check_probes(const Config&, Findings&);  // check_probes.cpp; called by `check`
void check_ledger(const Config&, Findings&);  // check_ledger.cpp
void check_endpoints(const Config&, const Environment&, Findings&);  // check_endpoints.cpp

// By place, otherwise in the order in which they were found.
void sort_by_place(std::vector<Issue>&);
// A screenful is enough: the rest of a hopeless file is counted.
void shorten(std::vector<Issue>&);

std::string endpoint_path(std::size_t index);  // "endpoints[1]"
std::string lower(std::string text);           // ASCII
// One TLS file: there, readable, PEM. `path` is the key, `name` the file.
void check_pem(const std::string& path, const std::string& name, const Environment&, Findings&);

}  // namespace config
