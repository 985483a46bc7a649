// What the keys about starts mean for one another: custom starters, and the times of the ledger.
#include <algorithm>
#include <string>

#include "config/check.hpp"
#include "config/tree.hpp"
#include "config/units.hpp"

namespace config {
namespace {

// What App Service's front end may keep a request for, after whoever sent it has gone.
constexpr Millis front_end_patience = 230s;

std::string route_path(std::size_t index) {
  return "durable.start_routes[" + std::to_string(index) + "]";
}

std::string text_of(const StartRoute& route) {
  return route.method + " " + route.path;
}

void check_route(const StartRoute& route, const std::string& path, Findings& findings) {
  if (route.via != StartVia::built_in || findings.refused(path + ".via")) return;
  const std::string otherwise = ", or \"via\": \"as-is\"";
  if (route.method != "POST")
    findings.error(path + ".route", quoted(text_of(route)),
                   "is sent to the built-in start route, which takes POST",
                   "write \"POST " + route.path + "\"" + otherwise);
  else if (route.path.find("{function}") == std::string::npos)
    findings.error(path + ".route", quoted(text_of(route)),
                   "does not say which function the built-in start route is to start",
                   "put {function} where its name stands" + otherwise);
}

void check_routes(const Config& config, Findings& findings) {
  const auto& routes = config.durable.start_routes;
  bool any_built_in = false;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const std::string path = route_path(i);
    if (findings.refused(path) || findings.refused(path + ".route")) continue;
    if (routes[i].path.empty()) {
      findings.error(path, "", "has no route", "write \"route\": \"POST /api/...\"");
      continue;
    }
    check_route(routes[i], path, findings);
    any_built_in = any_built_in || routes[i].via == StartVia::built_in;
    for (std::size_t k = 0; k < i; ++k) {
      if (routes[k].method != routes[i].method || routes[k].path != routes[i].path) continue;
      findings.error(path + ".route", quoted(text_of(routes[i])),
                     "is already used by " + route_path(k), "remove one of them");
      break;
    }
  }
  if (!any_built_in || config.durable.task_hub == TaskHub::per_region) return;  // said there
  for (std::size_t i = 0; i < config.endpoints.size(); ++i)
    if (config.endpoints[i].auth == AuthMode::keys && config.endpoints[i].keys.durable.empty())
      findings.warn(endpoint_path(i), "", "has no keys.durable",
                    "custom starters sent to the built-in start route get there only with a "
                    "client's own key");
}

void check_times(const Config& config, Findings& findings) {
  const Ledger& ledger = config.durable.ledger;
  const auto wrote = [&](const char* key) {
    const std::string path = std::string("durable.ledger.") + key;
    return findings.wrote(path) && !findings.refused(path);
  };
  if (ledger.give_up_after <= ledger.answer_after &&
      (wrote("give_up_after") || wrote("answer_after")))
    findings.warn("durable.ledger.give_up_after", duration_text(ledger.give_up_after),
                  "is not longer than answer_after (" + duration_text(ledger.answer_after) + ")",
                  "starts are listed for an operator before their clients were answered");
  const bool chosen = wrote("settle_after") && ledger.settle_after;
  if (chosen)
    for (const Endpoint& endpoint : config.endpoints) {
      if (endpoint.peer != Peer::gateway || *ledger.settle_after >= front_end_patience) continue;
      findings.warn("durable.ledger.settle_after", duration_text(*ledger.settle_after),
                    "is shorter than a platform front end may go on with a request (" +
                        duration_text(front_end_patience) + "), and one stands before " +
                        endpoint.name,
                    "leave it out: 5s for direct peers, 240s behind a gateway");
      break;
    }
  if (chosen && *ledger.settle_after >= ledger.give_up_after)
    findings.warn("durable.ledger.settle_after", duration_text(*ledger.settle_after),
                  "is not shorter than give_up_after (" + duration_text(ledger.give_up_after) + ")",
                  "no start would be repeated: each is listed first");
  if (config.durable.hub_retention <= ledger.give_up_after &&
      (wrote("give_up_after") || findings.wrote("durable.hub_retention")))
    findings.warn("durable.hub_retention", duration_text(config.durable.hub_retention),
                  "is not longer than give_up_after (" + duration_text(ledger.give_up_after) + ")",
                  "a hub that has forgotten its instances proves nothing about a start");
  if (wrote("loss_window") && config.durable.task_hub != TaskHub::geo_replicated)
    findings.warn("durable.ledger.loss_window", "", "has no effect",
                  "it is for \"task_hub\": \"geo_replicated\"");
  else if (ledger.loss_window > ledger.retention && (wrote("loss_window") || wrote("retention")))
    findings.warn("durable.ledger.loss_window", duration_text(ledger.loss_window),
                  "is longer than retention (" + duration_text(ledger.retention) + ")",
                  "starts are removed before that, bodies included");
}

}  // namespace

void check_ledger(const Config& config, Findings& findings) {
  if (findings.refused("durable") || findings.refused("durable.ledger")) return;
  const Durable& durable = config.durable;
  if (!findings.refused("durable.start_routes")) check_routes(config, findings);
  check_times(config, findings);
  const bool on_disk =
      durable.task_hub != TaskHub::none && durable.ledger.mode == LedgerMode::durable;
  if (findings.wrote("durable.ledger.path") && !on_disk && !findings.refused("durable.task_hub") &&
      !findings.refused("durable.ledger.mode"))
    findings.warn("durable.ledger.path", "", "has no effect",
                  "the ledger is kept on disk with a task hub and \"mode\": \"durable\"");
  if (durable.ledger.queue_starts && config.clients.keys.empty() &&
      !findings.refused("clients.keys"))
    findings.warn("durable.ledger.queue_starts", "", "queues nothing",
                  "only starts of clients with a key are queued: set clients.keys");
}

}  // namespace config
