#include "durable/request_kind.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace durable {
namespace {

#define BASE "/runtime/webhooks/durabletask"
#define V1 "/admin/extensions/DurableTaskExtension"

struct Case {
  const char* method;
  const char* target;
  RequestKind kind;
  Route route;
  const char* id = "";        // instance id or, for entities, "name/key"
  const char* function = "";  // of a start, or the event of raise_event
};

class ClassifyRequest : public ::testing::TestWithParam<Case> {};

TEST_P(ClassifyRequest, tells_kind_route_and_ids) {
  const Case& c = GetParam();
  const Classified got = classify(c.method, c.target);
  EXPECT_EQ(to_string(got.kind), to_string(c.kind)) << c.method << ' ' << c.target;
  EXPECT_EQ(to_string(got.route), to_string(c.route)) << c.method << ' ' << c.target;
  const std::string id = got.entity_key.empty()
                             ? std::string{got.instance_id} + std::string{got.entity_name}
                             : std::string{got.entity_name} + "/" + std::string{got.entity_key};
  EXPECT_EQ(id, c.id) << c.target;
  EXPECT_EQ(got.route == Route::raise_event ? got.event : got.function, c.function) << c.target;
  EXPECT_FALSE(got.disguised) << c.target;
}

using enum RequestKind;

INSTANTIATE_TEST_SUITE_P(
    TheSixteenRoutes, ClassifyRequest,
    ::testing::Values(
        Case{"POST", BASE "/orchestrators/Hello", start, Route::start_orchestration, "", "Hello"},
        Case{"POST", BASE "/orchestrators/Hello/abc", start, Route::start_orchestration, "abc",
             "Hello"},
        Case{"GET", BASE "/instances/abc", instance, Route::get_instance, "abc"},
        Case{"GET", BASE "/instances", collection, Route::list_instances},
        Case{"DELETE", BASE "/instances/abc", instance, Route::purge_instance, "abc"},
        Case{"DELETE", BASE "/instances?createdTimeFrom=2026-01-01", collection,
             Route::purge_instances},
        Case{"POST", BASE "/instances/abc/raiseEvent/Go", instance, Route::raise_event, "abc",
             "Go"},
        Case{"POST", BASE "/instances/abc/terminate?reason=x", instance, Route::terminate, "abc"},
        Case{"POST", BASE "/instances/abc/suspend", instance, Route::suspend, "abc"},
        Case{"POST", BASE "/instances/abc/resume", instance, Route::resume, "abc"},
        Case{"POST", BASE "/instances/abc/rewind", instance, Route::rewind, "abc"},
        Case{"POST", BASE "/instances/abc/restart", instance, Route::restart, "abc"},
        Case{"GET", BASE "/entities/Counter/k1", instance, Route::get_entity, "Counter/k1"},
        Case{"GET", BASE "/entities", collection, Route::list_entities},
        Case{"GET", BASE "/entities/Counter", collection, Route::list_entities, "Counter"},
        Case{"POST", BASE "/entities/Counter/k1?op=add", instance, Route::signal_entity,
             "Counter/k1"},
        Case{"DELETE", BASE "/entities/Counter/k1", instance, Route::delete_entity, "Counter/k1"},
        Case{"POST", BASE "/makeprimary", lease_control, Route::make_primary},
        Case{"GET", BASE "/makeprimary", lease_control, Route::make_primary}));

INSTANTIATE_TEST_SUITE_P(
    Spelling, ClassifyRequest,
    ::testing::Values(
        Case{"GET", "/RUNTIME/WebHooks/DurableTask/INSTANCES/AbC", instance, Route::get_instance,
             "AbC"},
        Case{"POST", "/runtime/webhooks/durableTask/Instances/x/RAISEEVENT/Go", instance,
             Route::raise_event, "x", "Go"},
        Case{"GET", V1 "/instances/abc", instance, Route::get_instance, "abc"},
        Case{"POST", "/ADMIN/extensions/durabletaskextension/orchestrators/F", start,
             Route::start_orchestration, "", "F"},
        Case{"GET", BASE "/instances/", collection, Route::list_instances},
        Case{"GET", BASE "/instances/abc/", instance, Route::get_instance, "abc"},
        Case{"POST", BASE "/orchestrators/Hello/", start, Route::start_orchestration, "", "Hello"},
        Case{"POST", BASE "/makeprimary/", lease_control, Route::make_primary},
        Case{"GET", BASE "/instances/a+b", instance, Route::get_instance, "a+b"},
        Case{"GET", BASE "/instances/a%20b%2Bc", instance, Route::get_instance, "a%20b%2Bc"},
        Case{"GET", BASE "/instances/a%2Fb", instance, Route::get_instance, "a%2Fb"},
        Case{"GET", BASE "/instances/%E2%82%AC", instance, Route::get_instance, "%E2%82%AC"},
        Case{"GET", BASE "/instances/a.b:c@d~e", instance, Route::get_instance, "a.b:c@d~e"},
        Case{"GET", BASE "/instances/.hidden..", instance, Route::get_instance, ".hidden.."},
        Case{"GET", BASE "/instances/abc?code=k&showInput=false", instance, Route::get_instance,
             "abc"},
        Case{"GET", BASE "/instances?x=/instances/y", collection, Route::list_instances},
        Case{"GET", BASE "/entities/Counter/$", instance, Route::get_entity, "Counter/$"},
        Case{"GET", BASE "/instances/abc#f", instance, Route::get_instance, "abc"},
        Case{"GET", "http://proxy.example" BASE "/instances/abc", instance, Route::get_instance,
             "abc"},
        Case{"GET", "HTTPS://proxy.example:443" BASE "/instances", collection,
             Route::list_instances}));

INSTANTIATE_TEST_SUITE_P(
    NotQuiteARoute, ClassifyRequest,
    ::testing::Values(
        // A wrong method on an instance still is about that instance; elsewhere it is nothing.
        Case{"HEAD", BASE "/instances/abc", instance, Route::none, "abc"},
        Case{"OPTIONS", BASE "/instances/abc", instance, Route::none, "abc"},
        Case{"GET", BASE "/instances/abc/terminate", instance, Route::none, "abc"},
        Case{"POST", BASE "/instances/abc/futureVerb", instance, Route::none, "abc"},
        Case{"POST", BASE "/instances/abc/raiseEvent", instance, Route::none, "abc"},
        Case{"POST", BASE "/instances/abc/raiseEvent/a/b", instance, Route::none, "abc"},
        Case{"POST", BASE "/instances/a/b/c/d/e/f/g", instance, Route::none, "a"},
        Case{"PUT", BASE "/entities/Counter/k1", instance, Route::none, "Counter/k1"},
        Case{"POST", BASE "/instances", plain, Route::none},
        Case{"GET", BASE "/orchestrators/Hello", plain, Route::none},
        Case{"post", BASE "/orchestrators/Hello", plain, Route::none},
        Case{"POST", BASE "/orchestrators", plain, Route::none},
        Case{"POST", BASE "/orchestrators/", plain, Route::none},
        Case{"POST", BASE "/orchestrators//id", plain, Route::none},
        Case{"POST", BASE "/orchestrators/a/b/c", plain, Route::none},
        Case{"GET", BASE "/instances//terminate", plain, Route::none},
        Case{"POST", BASE "/entities/Counter", plain, Route::none},
        Case{"GET", BASE "/makeprimary/now", plain, Route::none},
        Case{"GET", BASE "/other", plain, Route::none}, Case{"GET", BASE, plain, Route::none},
        Case{"GET", BASE "/", plain, Route::none},
        Case{"GET", BASE "//instances/abc", plain, Route::none}));

INSTANTIATE_TEST_SUITE_P(
    ClosedPaths, ClassifyRequest,
    ::testing::Values(
        Case{"POST", "/runtime/webhooks/eventgrid?functionName=f", other_webhook, Route::none},
        Case{"GET", "/runtime/webhooks", other_webhook, Route::none},
        Case{"GET", "/runtime/webhooks/", other_webhook, Route::none},
        Case{"GET", "/Runtime/Webhooks/durabletaskX/instances", other_webhook, Route::none},
        Case{"GET", "/runtime/webhooks/durabletask%2Finstances", other_webhook, Route::none},
        Case{"GET", "/admin", admin, Route::none},
        Case{"GET", "/Admin/host/status", admin, Route::none},
        Case{"POST", "/admin/functions/f", admin, Route::none},
        Case{"GET", "/admin/extensions/other", admin, Route::none}));

INSTANTIATE_TEST_SUITE_P(
    PlainPaths, ClassifyRequest,
    ::testing::Values(
        Case{"GET", "/", plain, Route::none}, Case{"GET", "/api/health", plain, Route::none},
        Case{"GET", "/a", plain, Route::none}, Case{"GET", "/r", plain, Route::none},
        Case{"POST", "/api/orchestrators/Hello", plain, Route::none},
        Case{"GET", "/runtime/health/live", plain, Route::none},
        Case{"GET", "/runtimes/webhooks/durabletask/instances", plain, Route::none},
        Case{"GET", "/runtime/webhooksX/durabletask", plain, Route::none},
        Case{"GET", "/administrator", plain, Route::none},
        Case{"GET", "/api/admin/host", plain, Route::none},
        Case{"GET", "/api/x?next=/admin/host", plain, Route::none},
        Case{"GET", "/api/a%20b/../c//d", plain, Route::none},
        Case{"GET", "/admin-x/../api", plain, Route::none},
        Case{"GET", "/api/proxy/https%3A%2F%2Fhost%2Fadmin", plain, Route::none},
        Case{"GET", "/%zz%4", plain, Route::none}, Case{"OPTIONS", "*", plain, Route::none},
        Case{"CONNECT", "host:443", plain, Route::none}, Case{"GET", "", plain, Route::none},
        Case{"GET", "http://host", plain, Route::none},
        Case{"GET", "http://host?/admin", plain, Route::none}));

// Spelt so that the proxy sees a plain path and an app that decodes and tidies paths does not.
TEST(DisguisedPaths, are_recognised) {
  const std::vector<std::pair<const char*, RequestKind>> rows{
      {"/%61dmin/host/keys", admin},
      {"/%41DMIN/host/keys", admin},
      {"/api/../admin/host/keys", admin},
      {"/api/%2e%2E/admin/host/keys", admin},
      {"/api/..%2fadmin/host", admin},
      {"/./admin/host", admin},
      {"//admin/host", admin},
      {"/\\admin/host", admin},
      {"/api\\..\\admin\\host", admin},
      {"/%5cadmin/host", admin},
      {"/../../admin/host", admin},
      {"/a/b/../../admin", admin},
      {"http://host/%61dmin/host", admin},
      {"/runtime%2Fwebhooks/durabletask/instances/x", other_webhook},
      {"/runtime/%77ebhooks/durabletask/orchestrators/f", other_webhook},
      {"/runtime/./webhooks/x", other_webhook},
      {"/runtime//webhooks/x", other_webhook},
      {BASE "/../eventgrid", other_webhook},
      {BASE "/instances/../../../../admin/host/keys", admin},
      {BASE "/instances/%2e%2e/orchestrators/f", other_webhook},
      {BASE "/orchestr%61tors/f", other_webhook},
      {BASE "/make%70rimary", other_webhook},
      {V1 "/../../host/keys", admin},
      // Below a path that may be open, on the way to one that is not.
      {"/admin/host/ping/../keys", admin},
      {"/admin/host/ping/..%2Fkeys", admin},
      {"/runtime/webhooks/eventgrid/%2e%2e/durabletask/instances", other_webhook},
      // Hosts that know path parameters drop them.
      {"/admin;x=1/host/keys", admin},
      {"/api/..;/admin/host/keys", admin},
      {"/;a/;b/runtime;c/webhooks%3b/x", other_webhook},
  };
  for (const auto& [target, kind] : rows) {
    const Classified got = classify("POST", target);
    EXPECT_TRUE(got.disguised) << target;
    EXPECT_EQ(to_string(got.kind), to_string(kind)) << target;
    EXPECT_EQ(got.route, Route::none) << target;
  }
}

TEST(ClassifiedRequest, says_whether_it_is_below_a_durable_base_path) {
  EXPECT_TRUE(classify("GET", BASE "/instances").built_in);
  EXPECT_TRUE(classify("GET", V1 "/other").built_in);
  EXPECT_FALSE(classify("GET", "/api/instances").built_in);
  EXPECT_FALSE(classify("GET", "/admin/host/status").built_in);
}

TEST(ClassifiedRequest, gives_views_into_the_target) {
  const std::string target = BASE "/instances/some-id/terminate?reason=x";
  const Classified got = classify("POST", target);
  EXPECT_GE(got.instance_id.data(), target.data());
  EXPECT_LT(got.instance_id.data(), target.data() + target.size());
}

config::StartRoute route(const char* path, const char* method = "POST") {
  config::StartRoute start_route;
  start_route.method = method;
  start_route.path = path;
  return start_route;
}

TEST(StartRoutes, match_custom_starters) {
  const StartRoutes starts{{route("/api/orchestrators/{function}"),
                            route("/api/orchestrators/{function}/{instanceId}"),
                            route("/api/start-{FUNCTION}.json", "PUT"), route("/go"),
                            route("/api/{tenant}/begin/{instanceid}")}};
  struct Row {
    const char* method;
    const char* target;
    int index;  // -1: no start
    const char* function = "";
    const char* id = "";
  };
  const std::vector<Row> rows{
      {"POST", "/api/orchestrators/Hello", 0, "Hello"},
      {"POST", "/API/Orchestrators/Hello?x=1", 0, "Hello"},
      {"POST", "/api/orchestrators/Hello/", 0, "Hello"},
      {"POST", "/api/orchestrators/Hello/id%201", 1, "Hello", "id%201"},
      {"POST", "http://host/api/orchestrators/Hello", 0, "Hello"},
      {"PUT", "/api/START-Order.JSON", 2, "Order"},
      {"POST", "/go", 3},
      {"POST", "/api/contoso/begin/7", 4, "", "7"},
      {"GET", "/api/orchestrators/Hello", -1},
      {"POST", "/api/orchestrators", -1},
      {"POST", "/api/orchestrators/", -1},
      {"POST", "/api/orchestrators/a/b/c", -1},
      {"POST", "/api/orchestratorsX/Hello", -1},
      {"PUT", "/api/start-.json", -1},
      {"POST", "/go/on", -1},
      {"POST", "/", -1},
      {"POST", "/g", -1},
  };
  for (const Row& row : rows) {
    const Classified got = classify(row.method, row.target, starts);
    EXPECT_EQ(got.start_route, row.index) << row.target;
    EXPECT_EQ(got.kind, row.index < 0 ? plain : start) << row.target;
    EXPECT_EQ(got.route, row.index < 0 ? Route::none : Route::custom_start) << row.target;
    EXPECT_EQ(got.function, row.function) << row.target;
    EXPECT_EQ(got.instance_id, row.id) << row.target;
    EXPECT_FALSE(got.built_in);
  }
}

TEST(StartRoutes, never_open_a_closed_path) {
  const StartRoutes starts{
      {route("/admin/{function}"), route("/runtime/webhooks/x/{function}"), route("/{a}/{b}")}};
  EXPECT_EQ(classify("POST", "/admin/f", starts).kind, admin);
  EXPECT_EQ(classify("POST", "/runtime/webhooks/x/f", starts).kind, other_webhook);
  EXPECT_EQ(classify("POST", "/%61dmin/f", starts).kind, admin);
  EXPECT_EQ(classify("POST", "/x/f", starts).kind, start);
}

TEST(StartRoutes, the_built_in_route_comes_first) {
  const StartRoutes starts{{route("/runtime/webhooks/durabletask/orchestrators/{function}")}};
  EXPECT_EQ(classify("POST", BASE "/orchestrators/F", starts).route, Route::start_orchestration);
}

}  // namespace
}  // namespace durable
