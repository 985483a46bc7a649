// The admin listener's answers: `/healthz`, `/readyz`, `/metrics`, `/api/…` and the status page.
// Knows HTTP and who may ask; what an operator's command does is the App's matter, behind
// AdminActions. No sockets here: an HttpServer calls `handle` on the control thread.
//
// A browser on the operator's machine can be made to send requests to loopback by any web page. So
// the API answers only requests whose Host is the admin address or a loopback name (DNS rebinding),
// and a command with a foreign Origin is refused. Commands are taken from loopback peers only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/instances.hpp"
#include "app/picture.hpp"
#include "config/config.hpp"
#include "transport/http_server.hpp"
#include "transport/link.hpp"

namespace app {

enum class Action { enable, disable, drain, undrain, makeprimary, hold, release, failback, reload };
std::string_view to_string(Action);

struct ActionResult {
  enum class Kind {
    done,
    refused,
    unknown_endpoint,
    failed,    // the endpoint said no, or could not be asked
    no_answer  // it may have been done
  } kind = Kind::done;
  std::string message;  // a sentence for the operator
};

// What an operator decides about one start, or about all that a storage account may have lost.
struct InstanceCommand {
  enum class Kind { resubmit, forget, failed_over } kind = Kind::forget;
  std::string id;  // decoded; for failed_over empty
  ledger::WallTime last_sync{};
};
std::string_view to_string(InstanceCommand::Kind);  // as the command line says it, both words

// A fault for the upstream leg of an endpoint, or its end.
struct FaultCommand {
  std::string endpoint;
  bool heal = false;
  transport::LinkFault fault;
  config::Millis lasts{0};
};

struct AdminActions {
  std::function<Picture()> picture;
  std::function<std::vector<Event>()> events;
  std::function<std::string()> effective_config;  // explain's JSON
  std::function<ActionResult(const FaultCommand&)> inject_fault;
  // `endpoint` is set for the actions up to makeprimary, `hold_for` only for a hold that ends by
  // itself. `done` is called once, within the call except for makeprimary.
  std::function<void(Action, const std::string& endpoint, std::optional<config::Millis> hold_for,
                     std::function<void(ActionResult)> done)>
      act;
  // `done` is called once, perhaps later.
  std::function<void(InstanceList, std::size_t most, std::function<void(InstancesReport)> done)>
      instances;
  std::function<void(const InstanceCommand&, std::function<void(ActionResult)> done)>
      act_on_instances;
};

class AdminApi {
 public:
  // `host` is that of the admin address as configured.
  AdminApi(std::string host, AdminActions actions)
      : host_{std::move(host)}, actions_{std::move(actions)} {}

  // `reply` is called once, within the call if the answer needs nobody else.
  using Reply = std::function<void(transport::ServerResponse)>;
  void handle(const transport::ServerRequest& request, Reply reply) const;

 private:
  void answer_get(std::string_view path, std::string_view query, const Reply& reply) const;
  void list_instances(std::string_view query, const Reply& reply) const;
  void inject_fault(bool heal, std::string_view query, const Reply& reply) const;
  void act_on_instances(InstanceCommand::Kind kind, std::string_view query,
                        const Reply& reply) const;
  void answer_post(std::string_view path, std::string_view query, const Reply& reply) const;
  void act(Action action, const std::string& endpoint, std::optional<config::Millis> hold_for,
           Reply reply) const;

  std::string host_;
  AdminActions actions_;
};

// "" when the request may be answered, else why not.
std::string admin_refusal(const transport::ServerRequest& request, const std::string& admin_host);

std::string_view status_page();  // HTML, without any outside resource

}  // namespace app
