// The storage account's HTTP/JSON interface over its HubStore, for the apps on this machine. Errors
// of the database become 500 with its words; nothing is ever half done (HubStore). Owned by
// storage_main, runs on its one thread.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "rehearsal/hub_store.hpp"
#include "transport/http_server.hpp"

namespace rehearsal {

//   POST   /hubs/{hub}/instances               create            201, 409 {"status"}
//   GET    /hubs/{hub}/instances/{id}          with its history  200, 404
//   GET    /hubs/{hub}/instances?prefix=&...   a page            200
//   DELETE /hubs/{hub}/instances/{id}          purge             200 {"deleted"}
//   DELETE /hubs/{hub}/instances?from=&...     purge many        200 {"deleted"}
//   POST   /hubs/{hub}/instances/{id}/{terminate|suspend|resume|rewind}?reason=   202, 404, 409,
//   410 POST   /hubs/{hub}/instances/{id}/events/{event}   body: JSON                 202, 404, 410
//   POST   /hubs/{hub}/work                    exchange          200
//   GET    /hubs/{hub}/activities              counts per app    200
//   GET    /healthz                                              200
class StorageApi {
 public:
  explicit StorageApi(HubStore& store) : store_{store} {}
  boost::asio::awaitable<transport::ServerResponse> handle(transport::ServerRequest request);

 private:
  transport::ServerResponse answer(const transport::ServerRequest& request);
  transport::ServerResponse on_hub(const transport::ServerRequest& request, std::string_view hub,
                                   std::string_view rest);
  transport::ServerResponse on_instances(const transport::ServerRequest& request,
                                         std::string_view hub);
  transport::ServerResponse on_instance(const transport::ServerRequest& request,
                                        std::string_view hub, const std::string& id);
  transport::ServerResponse control(const transport::ServerRequest& request, std::string_view hub,
                                    const std::string& id, std::string_view action);

  HubStore& store_;
};

}  // namespace rehearsal
