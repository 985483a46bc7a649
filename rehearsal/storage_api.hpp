// The storage account's HTTP/JSON interface over its hubs, for the apps on this machine. Errors
// of the database become 500 with its words; nothing is ever half done (HubStore). Owned by
// storage_main, runs on its one thread.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "rehearsal/storage_account.hpp"
#include "rehearsal/storage_faults.hpp"
#include "transport/http_server.hpp"

namespace rehearsal {

//   POST   /hubs/{hub}/instances               create             201, 409 {"status"}
//   GET    /hubs/{hub}/instances/{id}          ?history=1         200, 404
//   GET    /hubs/{hub}/instances?prefix=&...   a page             200
//   DELETE /hubs/{hub}/instances/{id}          purge              200 {"deleted"}
//   DELETE /hubs/{hub}/instances?from=&...     purge many         200 {"deleted"}
//   POST   /hubs/{hub}/instances/{id}/{terminate|suspend|resume|rewind}?reason=
//                                                                 202, 404, 409, 410
//   POST   /hubs/{hub}/instances/{id}/events/{event}   body: JSON  202, 404, 410
//   GET    /hubs/{hub}/entity?name=&key=                          200, 404
//   GET    /hubs/{hub}/entities?name=&...      a page             200
//   POST   /hubs/{hub}/signal?name=&key=&op=   body: JSON         202
//   POST   /hubs/{hub}/work                    exchange           200
//   GET    /hubs/{hub}/lease                   the app lease      200
//   POST   /hubs/{hub}/lease/{acquire|renew|change}?id=&ms=&from=&to=   200, 409 {"error"}
//   POST   /hubs/{hub}/lease/note?owner=&desired=                 200
//   GET    /hubs/{hub}/activities              shares per app     200
//   GET    /hubs/{hub}/executions?id=&after=&top=  what ran where 200
//   GET    /hubs                                                  200
//   GET    /healthz                                               200
//   GET    /_control/executions?hub=&id=&after=&top=
//            every run of an orchestrator, of one hub or id or of all: also those that an account
//            failover has undone, and those of an id that was used again
//   GET    /_control/activities?hub=       shares per app, of one hub or added up over all
//   *      /_control/...                       see StorageAccount and StorageFaults
class StorageApi {
 public:
  StorageApi(StorageAccount& account, StorageFaults& faults) : account_{account}, faults_{faults} {}
  boost::asio::awaitable<transport::ServerResponse> handle(transport::ServerRequest request);

 private:
  using Request = transport::ServerRequest;
  using Response = transport::ServerResponse;
  Response answer(const Request& request);
  Response on_hub(const Request& request, std::string_view hub, std::string_view rest);
  Response on_instances(const Request& request, std::string_view hub);
  Response on_instance(const Request& request, std::string_view hub, const std::string& id);
  Response on_entities(const Request& request, std::string_view hub, std::string_view area);
  Response on_lease(const Request& request, std::string_view hub, std::string_view action);
  Response on_executions(const Request& request, std::string_view hub);
  Response records(std::string_view path, std::string_view query_text);
  Response control(const Request& request, std::string_view hub, const std::string& id,
                   std::string_view action);

  HubStore& store() { return account_.hubs(); }

  StorageAccount& account_;
  StorageFaults& faults_;
};

}  // namespace rehearsal
