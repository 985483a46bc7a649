#include "config/read.hpp"

#include "config/keys.hpp"
#include "config/reader.hpp"
#include "config/resolve.hpp"

namespace config {
namespace {

// Defaults that depend on the URL, which the struct initialisers cannot know.
void endpoint_defaults(Config& config, const Source& source) {
  for (std::size_t i = 0; i < config.endpoints.size(); ++i) {
    Endpoint& endpoint = config.endpoints[i];
    const std::string path = "endpoints[" + std::to_string(i) + "].";
    const Endpoint usual = make_endpoint(endpoint.name, endpoint.url, static_cast<int>(i) + 1);
    if (!source.wrote(path + "peer")) endpoint.peer = usual.peer;
    if (!source.wrote(path + "auth")) endpoint.auth = usual.auth;
    if (!source.wrote(path + "priority")) endpoint.priority = usual.priority;
  }
}

}  // namespace

Config read_config(const Node& root, ReadContext& context) {
  Config config;
  config.source = context.source.file;
  if (root.kind != Node::Kind::object) {
    context.issues.push_back({Severity::error, context.source.file, root.at.line, root.at.column,
                              "", name_of(root.kind), "is not an object", "a file is { ... }"});
    context.refused.insert("");
    return config;
  }
  Reader reader{root, "", context};
  keys::top(reader, config);
  reader.finish();
  endpoint_defaults(config, context.source);
  return config;
}

}  // namespace config
