// Who is who over reloads: gives each endpoint its id (stable for the life of the process by name
// and URL, never given to another) and the Upstream that the data path uses. Control thread only.
//
// A reload works on a proposal, so that a file that cannot be used changes nothing:
//   auto proposal = registry.propose(config, error);   // TLS files are read here
//   if (!error.empty()) keep everything as it is;  else registry.accept(std::move(proposal));
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/picture.hpp"
#include "config/config.hpp"
#include "proxy/snapshot.hpp"

namespace app {

class EndpointRegistry {
 public:
  explicit EndpointRegistry(std::size_t workers) : workers_{workers} {}

  struct Proposal {
    std::vector<health::EndpointId> ids;  // beside Config::endpoints
    std::vector<std::shared_ptr<proxy::Upstream>> upstreams;
    std::vector<std::string> tls_files;  // contents of the TLS files, to notice a changed one
    std::map<std::string, health::EndpointId> known;
    health::EndpointId next_id = 0;
  };

  Proposal propose(const config::Config& config, std::string& error) const;
  void accept(Proposal proposal);

  const std::vector<health::EndpointId>& ids() const { return current_.ids; }
  const std::vector<std::shared_ptr<proxy::Upstream>>& upstreams() const {
    return current_.upstreams;
  }
  std::string_view name_of(health::EndpointId id) const;  // of any endpoint there ever was
  health::EndpointId id_of(std::string_view name) const;  // of a present one, else no_endpoint

  // What the endpoint did since the start: an Upstream that a reload replaced may still serve its
  // last requests, so its counters are summed as long as anybody holds it, then kept as a number.
  EndpointTraffic traffic(health::EndpointId id);
  std::uint64_t answered(health::EndpointId id);

 private:
  struct Past {
    EndpointTraffic settled;
    std::vector<std::shared_ptr<proxy::Upstream>> retired;
  };
  void settle(Past& past);

  std::size_t workers_;
  Proposal current_;
  std::map<health::EndpointId, Past> past_;
  std::map<health::EndpointId, std::string> names_;
};

}  // namespace app
