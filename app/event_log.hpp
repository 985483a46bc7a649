// Turns events and finished requests into log lines, as text or JSON, to stderr or a file. Called
// on the control thread; the lines are written by a thread of their own, so that a terminal or disk
// that stalls delays neither health nor routing (then the oldest lines are dropped).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "app/access_lines.hpp"
#include "app/picture.hpp"
#include "config/config.hpp"

namespace app {

class EventLog {
 public:
  explicit EventLog(const config::Config::Log& settings);  // throws when the file cannot be opened
  ~EventLog();

  // A reload: changed settings, and the file is opened afresh (log rotation). "" or the problem,
  // then the old file stays in use.
  std::string configure(const config::Config::Log& settings);

  void write(const Event& event);
  void write(std::string_view level, std::string_view kind, std::string_view text);
  // A finished request; `send_access` hands what was added since to the writing thread.
  void add_access(const proxy::RequestRecord& record, const AccessLines::NameOf& name_of);
  void send_access();
  bool access() const { return settings_.access; }
  void flush();

 private:
  struct Output;
  config::Config::Log settings_;
  AccessLines lines_;
  std::unique_ptr<Output> output_;
};

// The lines themselves: pure.
std::string event_as_text(const Event& event);
std::string event_as_json(const Event& event);

}  // namespace app
