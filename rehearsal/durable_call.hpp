// What the parts of DurableApi share: one request with all that its handler looks at, and the
// documented shapes of answers. Private to them.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "rehearsal/durable_api.hpp"
#include "rehearsal/uri.hpp"

namespace rehearsal {

struct DurableApi::Call {
  Call(transport::ServerRequest request_in, DurableRoute route_in, const AppOptions& options,
       const FunctionKeys& keys);

  transport::ServerRequest request;
  DurableRoute route;
  Query query;
  ManagementContext management;
};

using StorageAnswer = transport::Result<transport::FetchResponse>;

transport::ServerResponse json_answer(int status, std::string text);
transport::ServerResponse empty_answer(int status);
transport::ServerResponse bad_request(std::string_view why);
transport::ServerResponse went_wrong(std::string_view exception_message);
// What a storage that cannot be reached, or cannot read its file, does to a request.
transport::ServerResponse storage_trouble(const StorageAnswer&);
bool is_answer(const StorageAnswer&, std::initializer_list<int> expected);

std::string instance_path(const std::string& id);
// "&after=..." from the request's continuation token; nullopt: it is none of ours.
std::optional<std::string> continuation(const transport::ServerRequest&);
void set_continuation(transport::ServerResponse&, std::int64_t next);
// "&from=...&to=..." from two parameters; nullopt: one is not a time.
std::optional<std::string> time_range(const Query&, std::string_view from, std::string_view to);
bool is_json_request(const transport::ServerRequest&);

}  // namespace rehearsal
