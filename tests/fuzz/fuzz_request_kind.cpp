// Request classification. Input: "METHOD target". The main promise checked here, against an
// independent and much slower reading of the path: what a decoding, tidying app would route to
// /admin or /runtime/webhooks is never classified as plain.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "durable/request_kind.hpp"

namespace {

using durable::Classified;
using durable::RequestKind;

void require(bool condition) {
  if (!condition) std::abort();
}

bool inside(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

std::vector<std::string> as_a_decoding_app_sees_it(std::string path) {
  path = path.substr(0, path.find_first_of("?#"));
  std::string decoded;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const std::string_view digits{"0123456789abcdef"};
    const auto value = [&](std::size_t at) {
      return at < path.size() ? digits.find(lower(path.substr(at, 1))) : std::string_view::npos;
    };
    if (path[i] == '%' && value(i + 1) != std::string_view::npos &&
        value(i + 2) != std::string_view::npos) {
      decoded += static_cast<char>(value(i + 1) * 16 + value(i + 2));
      i += 2;
    } else {
      decoded += path[i];
    }
  }
  std::replace(decoded.begin(), decoded.end(), '\\', '/');
  std::vector<std::string> segments;
  std::string segment;
  for (const char c : lower(decoded) + "/") {
    if (c != '/') {
      segment += c;
      continue;
    }
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (!segment.empty() && segment != ".") {
      segments.push_back(segment);
    }
    segment.clear();
  }
  return segments;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input{reinterpret_cast<const char*>(data), size};
  const std::size_t space = std::min(input.find(' '), input.size());
  const std::string method = input.substr(0, space);
  const std::string target = input.substr(std::min(space + 1, input.size()));

  config::StartRoute route;
  route.path = "/api/orchestrators/{function}/x{instanceId}";
  const durable::StartRoutes starts{{route}};
  const Classified got = durable::classify(method, target, starts);
  for (const std::string_view view :
       {got.function, got.instance_id, got.entity_name, got.entity_key, got.event})
    require(inside(view, target));
  require((got.kind == RequestKind::start) == (got.route == durable::Route::start_orchestration ||
                                               got.route == durable::Route::custom_start));
  require(!got.disguised || got.route == durable::Route::none);

  if (!target.empty() && target.front() == '/') {
    const std::vector<std::string> seen = as_a_decoding_app_sees_it(target);
    const bool admin = !seen.empty() && seen[0] == "admin";
    const bool webhook = seen.size() >= 2 && seen[0] == "runtime" && seen[1] == "webhooks";
    if (admin || webhook)
      require(got.built_in || got.kind == RequestKind::admin ||
              got.kind == RequestKind::other_webhook);
    if (got.built_in && !got.disguised) {
      require(seen.size() >= 3);
      require(seen[2] == (admin ? "durabletaskextension" : "durabletask"));
    }
  }
  // Letter case makes no difference to a path.
  const Classified lowered = durable::classify(method, lower(target), starts);
  require(lowered.kind == got.kind && lowered.route == got.route);
  return 0;
}
