// The operator's verbs as calls to a running proxy's admin listener. Blocking: this is the
// command-line side.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "app/command_line.hpp"

namespace app {

struct AdminTarget {
  std::string host;
  std::uint16_t port = 0;
  std::string text;  // "127.0.0.1:8081"
};
// "", ADDR:PORT or http://ADDR:PORT; nullopt for anything else.
std::optional<AdminTarget> parse_admin_target(std::string_view text);

// What is sent for a verb: a pure function of the command.
struct AdminCall {
  std::string method;
  std::string target;
  std::chrono::seconds limit{5};
};
AdminCall admin_call(const Command& command);

// What came back, or why nothing did.
struct AdminReply {
  int status = 0;  // 0: nobody answered as a proxy does
  std::string text;
  std::string problem;
  bool refused = false;  // nobody listens there: no proxy runs
};
AdminReply call_admin(const AdminTarget& target, const AdminCall& call);
int exit_code_of_status(int status);  // of an answer

// On stderr, or as JSON on stdout; returns the code.
int report_problem(const Command& command, const std::string& problem, int code);
void print(const std::string& text);
bool terminal_output();  // stdout may be coloured
std::string percent_encoded(std::string_view text);

// Runs status, events and the commands; prints to stdout and stderr, returns the exit code.
int run_operator_verb(const Command& command);

}  // namespace app
