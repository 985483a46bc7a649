// What `understudy-app` was told on its command line. Plain values, const after start-up.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "rehearsal/instance.hpp"

namespace rehearsal {

enum class AppState {
  running,
  stopped,  // as by the portal: the front end answers 403 with its page
  offline,  // the platform runs, the Functions host does not: 503
};

std::optional<AppState> parse_app_state(std::string_view);
std::string_view to_string(AppState);

struct AppOptions {
  config::Address listen{"127.0.0.1", 0};
  std::string name = "app";
  std::string site_name;  // "" is `name`; what the app calls itself when it takes a lease
  std::optional<config::Url> storage;
  std::string hub = "TestHub";
  std::string key;                     // of the Durable extension; "" asks for none
  std::vector<std::string> functions;  // known orchestrators; empty: any name
  Plan plan;                           // of an orchestration whose input says nothing else
  AppState state = AppState::running;
  std::chrono::milliseconds lease{5000};
  std::chrono::milliseconds poll_interval{250};
  std::chrono::milliseconds storage_timeout{2000};
  std::size_t body_limit = 16 * 1024 * 1024;
  bool forwarded_host = false;  // believe X-Forwarded-Host and -Proto
};

}  // namespace rehearsal
