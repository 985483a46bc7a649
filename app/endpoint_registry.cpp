#include "app/endpoint_registry.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace app {
namespace {

std::string contents(const std::string& path) {
  if (path.empty()) return "";
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

std::string tls_file_contents(const config::Endpoint& endpoint) {
  if (!endpoint.url.tls) return "";
  return contents(endpoint.tls.ca) + '\0' + contents(endpoint.tls.certificate) + '\0' +
         contents(endpoint.tls.key);
}

std::string identity(const config::Endpoint& endpoint) {
  return endpoint.name + '\0' + endpoint.url.origin() + endpoint.url.base_path;
}

void add_sums(EndpointTraffic& sum, const proxy::Upstream& upstream) {
  for (const auto& counters : upstream.counters) add_counters(sum, *counters);
}

}  // namespace

EndpointRegistry::Proposal EndpointRegistry::propose(const config::Config& config,
                                                     std::string& error) const {
  Proposal next;
  next.known = current_.known;
  next.next_id = current_.next_id;
  for (const config::Endpoint& endpoint : config.endpoints) {
    const auto [known, fresh] = next.known.try_emplace(identity(endpoint), next.next_id);
    if (fresh) ++next.next_id;
    next.ids.push_back(known->second);
    next.tls_files.push_back(tls_file_contents(endpoint));
    std::shared_ptr<proxy::Upstream> upstream;
    for (std::size_t i = 0; i < current_.ids.size(); ++i)
      if (current_.ids[i] == known->second && current_.upstreams[i]->config == endpoint &&
          current_.tls_files[i] == next.tls_files.back())
        upstream = current_.upstreams[i];
    if (!upstream) {
      std::string problem;
      upstream = proxy::make_upstream(known->second, endpoint, workers_, problem);
      if (!upstream) error = "endpoint " + endpoint.name + ": " + problem;
    }
    next.upstreams.push_back(std::move(upstream));
  }
  return next;
}

void EndpointRegistry::accept(Proposal proposal) {
  for (const auto& upstream : current_.upstreams)
    if (std::find(proposal.upstreams.begin(), proposal.upstreams.end(), upstream) ==
        proposal.upstreams.end())
      past_[upstream->id].retired.push_back(upstream);
  current_ = std::move(proposal);
  for (const auto& upstream : current_.upstreams) names_[upstream->id] = upstream->config.name;
}

std::string_view EndpointRegistry::name_of(health::EndpointId id) const {
  const auto found = names_.find(id);
  return found == names_.end() ? std::string_view{} : found->second;
}

health::EndpointId EndpointRegistry::id_of(std::string_view name) const {
  for (const auto& upstream : current_.upstreams)
    if (upstream->config.name == name) return upstream->id;
  return health::no_endpoint;
}

void EndpointRegistry::settle(Past& past) {
  std::erase_if(past.retired, [&](const std::shared_ptr<proxy::Upstream>& upstream) {
    if (upstream.use_count() > 1) return false;
    add_sums(past.settled, *upstream);
    return true;
  });
}

EndpointTraffic EndpointRegistry::traffic(health::EndpointId id) {
  EndpointTraffic sum;
  if (const auto past = past_.find(id); past != past_.end()) {
    settle(past->second);
    sum = past->second.settled;
    for (const auto& upstream : past->second.retired) add_sums(sum, *upstream);
  }
  for (const auto& upstream : current_.upstreams)
    if (upstream->id == id) add_sums(sum, *upstream);
  return sum;
}

std::uint64_t EndpointRegistry::answered(health::EndpointId id) {
  std::uint64_t sum = 0;
  if (const auto past = past_.find(id); past != past_.end()) {
    settle(past->second);
    sum = past->second.settled.answered;
    for (const auto& upstream : past->second.retired)
      for (const auto& counters : upstream->counters) sum += counters->answered.value();
  }
  for (const auto& upstream : current_.upstreams)
    if (upstream->id == id)
      for (const auto& counters : upstream->counters) sum += counters->answered.value();
  return sum;
}

}  // namespace app
