// One question to the Durable HTTP API of one endpoint: puts the request together, with the key
// that is due, and says what kind of failure an answer is. For the desk's own thread.
#pragma once

#include <string>
#include <string_view>

#include "desk/jobs.hpp"
#include "transport/failure.hpp"
#include "transport/http_client.hpp"

namespace desk {

using Reply = transport::Result<transport::FetchResponse>;

struct Question {
  std::string method = "GET";
  std::string path;   // below the Durable base path: "instances/abc"
  std::string query;  // without '?', taskHub, connection and code
  transport::HeaderList headers;
  std::string body;
  bool names_task_hub = false, names_connection = false;
  ClientCredential credential;
  std::size_t body_limit = 1 << 20;
  bool cut_body = false;  // what is longer is cut there
  TimePoint deadline = TimePoint::max();
};

// With our key, for ourselves.
Question own_question(std::string path, std::string query, TimePoint deadline);

transport::FetchRequest request_for(const DeskEndpoint& endpoint, const Question& question);

// Whether request_for sends a key of ours: a 401 is then our fault, not the client's.
bool uses_own_key(const DeskEndpoint& endpoint, const ClientCredential& credential);

// "HTTP 500", "connect: ..."; never a body.
std::string trouble_text(const Reply& reply);

// An answer of our own making, application/problem+json; every name in `missing` is an endpoint's.
Answer problem(Answer::Outcome outcome, int status, std::string_view kind, std::string detail,
               std::vector<std::string> missing = {});
Answer missing_regions(std::vector<std::string> missing);
std::string join_names(const std::vector<std::string>& names);  // "a, b"

std::vector<std::string> names_of_away(const DeskPicture& picture);

}  // namespace desk
