// Requests to routes, ids and hub names to verdicts, and the answer to a start.
#include "rehearsal/durable_route.hpp"

#include <gtest/gtest.h>

namespace rehearsal {

namespace {

struct Row {
  std::string method;
  std::string path;  // below /runtime/webhooks/durabletask
  DurableAction action;
  std::string function = {};
  std::string id = {};
  std::string event = {};
};

}  // namespace

TEST(DurableRoute, EachRequestHasItsRoute) {
  const Row rows[] = {
      {"POST", "/orchestrators/Hello", DurableAction::start, "Hello"},
      {"POST", "/orchestrators/Hello/id-1", DurableAction::start, "Hello", "id-1"},
      {"POST", "/Orchestrators/Hello/a%20b+c", DurableAction::start, "Hello", "a b+c"},
      {"GET", "/instances/id-1", DurableAction::status, "", "id-1"},
      {"GET", "/INSTANCES/Id-1", DurableAction::status, "", "Id-1"},
      {"GET", "/instances", DurableAction::list},
      {"GET", "/instances/", DurableAction::list},
      {"DELETE", "/instances/id-1", DurableAction::purge_one, "", "id-1"},
      {"DELETE", "/instances", DurableAction::purge_many},
      {"POST", "/instances/id-1/raiseEvent/Approval", DurableAction::raise_event, "", "id-1",
       "Approval"},
      {"POST", "/instances/id-1/RAISEEVENT/Approval", DurableAction::raise_event, "", "id-1",
       "Approval"},
      {"POST", "/instances/id-1/terminate", DurableAction::terminate, "", "id-1"},
      {"POST", "/instances/id-1/Suspend", DurableAction::suspend, "", "id-1"},
      {"POST", "/instances/id-1/resume", DurableAction::resume, "", "id-1"},
      {"POST", "/instances/id-1/rewind", DurableAction::rewind, "", "id-1"},
      {"POST", "/instances/id-1/restart", DurableAction::restart, "", "id-1"},
      {"POST", "/makePrimary", DurableAction::make_primary},
      {"GET", "/makeprimary", DurableAction::make_primary},
      {"OPTIONS", "/makeprimary", DurableAction::make_primary},
      {"HEAD", "/makeprimary", DurableAction::unknown},
      {"PATCH", "/makeprimary", DurableAction::unknown},
      // A wrong verb or an unknown word on the extension's path is a 404 of the extension.
      {"GET", "/orchestrators/Hello", DurableAction::unknown},
      {"PUT", "/instances/id-1", DurableAction::unknown, "", "id-1"},
      {"GET", "/instances/id-1/terminate", DurableAction::unknown, "", "id-1"},
      {"POST", "/instances/id-1/raiseEvent", DurableAction::unknown, "", "id-1"},
      {"POST", "/orchestrators", DurableAction::unknown},
      {"POST", "/orchestrators/a/b/c", DurableAction::unknown},
      {"GET", "", DurableAction::unknown},
  };
  for (const Row& row : rows) {
    const auto route = parse_durable_route(row.method, "/runtime/webhooks/durabletask" + row.path);
    ASSERT_TRUE(route) << row.path;
    EXPECT_EQ(route->action, row.action) << row.method << " " << row.path;
    EXPECT_EQ(route->function, row.function) << row.path;
    EXPECT_EQ(route->instance_id, row.id) << row.path;
    EXPECT_EQ(route->event, row.event) << row.path;
  }
}

TEST(DurableRoute, EntitiesHaveANameWithoutLetterCaseAndPerhapsAKey) {
  struct EntityRow {
    const char* method;
    const char* path;
    DurableAction action;
    const char* entity;
    std::optional<std::string> key;
  };
  const EntityRow rows[] = {
      {"GET", "/entities", DurableAction::entity_list, "", std::nullopt},
      {"GET", "/Entities/Counter", DurableAction::entity_list, "counter", std::nullopt},
      {"GET", "/entities/Counter/Key%201", DurableAction::entity_get, "counter", "Key 1"},
      {"GET", "/entities/Counter/$", DurableAction::entity_get, "counter", ""},
      {"POST", "/entities/Counter/k", DurableAction::entity_signal, "counter", "k"},
      {"DELETE", "/entities/Counter/k", DurableAction::entity_signal, "counter", "k"},
      {"POST", "/entities/Counter", DurableAction::entity_signal, "counter", std::nullopt},
      {"POST", "/entities", DurableAction::unknown, "", std::nullopt},
      {"PUT", "/entities/Counter/k", DurableAction::unknown, "counter", "k"},
      {"GET", "/entities/Counter/k/more", DurableAction::unknown, "", std::nullopt},
  };
  for (const EntityRow& row : rows) {
    const auto route =
        parse_durable_route(row.method, std::string{"/runtime/webhooks/durabletask"} + row.path);
    ASSERT_TRUE(route) << row.path;
    EXPECT_EQ(route->action, row.action) << row.method << " " << row.path;
    EXPECT_EQ(route->entity, row.entity) << row.path;
    EXPECT_EQ(route->key, row.key) << row.path;
  }
}

TEST(DurableRoute, ThePathOfVersionOneIsKnownToo) {
  const auto route =
      parse_durable_route("GET", "/Admin/extensions/durabletaskextension/instances/i");
  ASSERT_TRUE(route);
  EXPECT_EQ(route->action, DurableAction::status);
  EXPECT_EQ(route->instance_id, "i");
  EXPECT_FALSE(parse_durable_route("GET", "/admin/extensions/other/instances/i"));
}

TEST(DurableRoute, TheExtensionsOwnNameIsFoundInAnyCaseAndNothingElseIs) {
  EXPECT_TRUE(parse_durable_route("GET", "/Runtime/WebHooks/DurableTask/instances"));
  EXPECT_FALSE(parse_durable_route("GET", "/runtime/webhooks/durabletaskx/instances"));
  EXPECT_FALSE(parse_durable_route("GET", "/api/instances"));
  EXPECT_FALSE(parse_durable_route("GET", "/"));
}

TEST(DurableRoute, AStarterOfOnesOwnIsAPostBelowApiOrchestrators) {
  EXPECT_EQ(parse_custom_starter("POST", "/api/orchestrators/Hello"), "Hello");
  EXPECT_EQ(parse_custom_starter("POST", "/API/Orchestrators/Hello"), "Hello");
  EXPECT_FALSE(parse_custom_starter("GET", "/api/orchestrators/Hello"));
  EXPECT_FALSE(parse_custom_starter("POST", "/api/orchestrators"));
  EXPECT_FALSE(parse_custom_starter("POST", "/api/orchestrators/Hello/id"));
}

TEST(InstanceId, HasAtMost256BytesAndNoCharacterThatWouldBreakAUrl) {
  EXPECT_TRUE(is_valid_instance_id("0123456789abcdef0123456789abcdef"));
  EXPECT_TRUE(is_valid_instance_id("with space and +"));
  EXPECT_TRUE(is_valid_instance_id(std::string(256, 'x')));
  for (const std::string& bad : {std::string{}, std::string(257, 'x'), std::string{"@entity"},
                                 std::string{"a/b"}, std::string{"a\\b"}, std::string{"a#b"},
                                 std::string{"a?b"}, std::string{"a\nb"}, std::string{"a\x7f"}})
    EXPECT_FALSE(is_valid_instance_id(bad)) << bad;
}

TEST(HubName, IsALetterAndThenLettersOrDigits) {
  for (const char* good : {"abc", "OrdersHub", "h12"}) EXPECT_TRUE(is_valid_hub_name(good)) << good;
  for (const char* bad :
       {"", "ab", "1ab", "a-b", "a b", "a'b", "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeee"})
    EXPECT_FALSE(is_valid_hub_name(bad)) << bad;
}

}  // namespace rehearsal
