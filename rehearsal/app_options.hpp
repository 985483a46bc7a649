// What `understudy-app` was told on its command line. Plain values, const after start-up.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "rehearsal/function_keys.hpp"
#include "rehearsal/instance.hpp"

namespace rehearsal {

enum class AppState {
  running,
  stopped,      // as by the portal: the front end answers 403 with its page
  offline,      // the platform runs, the Functions host does not: 503
  app_offline,  // taken offline for a deployment: 503 with a page
  error,        // the web host answers for itself, but runs no functions
};

// Who wrote the answer of a starter function: SDKs differ in its keys, headers and placeholders.
enum class PayloadShape {
  built_in,          // .NET in-process, and always the extension's own start route
  isolated,          // .NET isolated
  isolated_created,  // as it was for a while: 201
  js,                // npm durable-functions
};

// How answers of some size are coded when the client accepts it.
enum class AnswerCoding { identity, gzip, deflate };

std::optional<AppState> parse_app_state(std::string_view);
std::string_view to_string(AppState);

struct AppOptions {
  config::Address listen{"127.0.0.1", 0};
  std::string name = "app";
  std::string site_name;  // "" is `name`; what the app calls itself when it takes a lease
  std::optional<config::Url> storage;
  std::string hub = "TestHub";
  std::string key;         // of the Durable extension, which then asks for it
  std::string master_key;  // "" is the one of `keys`
  GivenKeys keys;          // any given key closes what keys close
  std::optional<config::NameValue> required_header;  // without it nobody is let in: 403
  bool auth_function = false;          // functions ask for a function, host or master key
  std::vector<std::string> functions;  // known orchestrators; empty: any name
  Plan plan;                           // of an orchestration whose input says nothing else
  AppState state = AppState::running;
  std::chrono::milliseconds lease{5000};
  std::chrono::milliseconds poll_interval{250};
  std::chrono::milliseconds storage_timeout{2000};
  std::chrono::milliseconds cold_start{0};  // cold_start.hpp; 0: the host is always warm
  std::chrono::milliseconds idle_after{20'000};
  std::optional<config::Url> lease_blob;  // blob_lease.hpp; without it the app needs none
  std::string storage_key;                // of that account, as bytes
  std::chrono::milliseconds lease_every{500};
  bool app_lease = false;              // app_lease.hpp says why it is off unless asked for
  bool activities_need_lease = false;  // as of the next major version: only the owner takes any
  int time_scale = 1;                  // the times of the app lease are divided by it
  int already_exists_status = 500;     // for a start of a live id; newer extensions say 409
  std::size_t body_limit = 16 * 1024 * 1024;
  bool forwarded_host = false;  // believe X-Forwarded-Host and -Proto
  std::string own_host;         // makes URLs of this host instead of the request's
  PayloadShape payload_shape = PayloadShape::built_in;  // of starter functions
  AnswerCoding answer_coding = AnswerCoding::identity;
  bool chunked_answers = false;
  bool affinity_cookie = false;  // as the platform's front ends set it
};

}  // namespace rehearsal
