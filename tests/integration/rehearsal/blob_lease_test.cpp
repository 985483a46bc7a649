// An app that needs a lease on a blob, before an account of the test's own that knows one container
// and one blob, can lose them, refuse, and fall silent.
#include <gmock/gmock.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "tests/integration/rehearsal/two_apps.hpp"

namespace rehearsal {

using ::testing::HasSubstr;
using ::testing::Not;
using transport::ServerRequest;
using transport::ServerResponse;

namespace {

constexpr const char* key = "a key of the test";

class LeasedApp : public TwoApps {
 protected:
  LeasedApp() {
    blobs = std::make_unique<transport::HttpServer>(
        context.get_executor(), config::Address{"127.0.0.1", 0},
        [this](ServerRequest request) { return answer(std::move(request)); });
  }
  ~LeasedApp() override { thaw(); }

  asio::awaitable<ServerResponse> answer(ServerRequest request) {
    boost::system::error_code ignored;
    while (frozen) co_await thawed.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    ServerResponse response = decide(request);
    co_return response;
  }
  ServerResponse decide(const ServerRequest& request) {
    const auto field = [&request](std::string_view name) {
      const std::string* value = transport::find_header(request.headers, name);
      return value == nullptr ? std::string{} : *value;
    };
    const auto say = [](int status, const std::string& code = "") {
      ServerResponse response{status, "application/xml", ""};
      if (!code.empty()) response.headers.emplace_back("x-ms-error-code", code);
      return response;
    };
    if (!field("Authorization").starts_with("SharedKey devstoreaccount1:")) return say(403);
    if (request.method != "PUT") return say(405);
    if (request.target == "/devstoreaccount1/understudy-leases?restype=container")
      return std::exchange(container, true) ? say(409, "ContainerAlreadyExists") : say(201);
    if (!container) return say(404, "ContainerNotFound");
    if (request.target == "/devstoreaccount1/understudy-leases/primary")
      return std::exchange(blob, true) ? say(409, "BlobAlreadyExists") : say(201);
    if (request.target != "/devstoreaccount1/understudy-leases/primary?comp=lease") return say(400);
    if (!blob) return say(404, "BlobNotFound");
    const bool renews = field("x-ms-lease-action") == "renew";
    const std::string id = field(renews ? "x-ms-lease-id" : "x-ms-proposed-lease-id");
    if (!holder.empty() && holder != id) return say(409, "LeaseAlreadyPresent");
    if (renews && holder.empty()) return say(409, "LeaseNotPresentWithLeaseOperation");
    if (!renews && field("x-ms-lease-duration") != "15") return say(400);
    holder = id;
    return say(renews ? 200 : 201);
  }

  void start(std::chrono::milliseconds every = 100ms) {
    AppOptions leased = options("primary");
    leased.lease_blob.emplace();
    leased.lease_blob->host = "127.0.0.1";
    leased.lease_blob->port = blobs->port();
    leased.storage_key = key;
    leased.lease_every = every;
    primary = std::make_unique<FunctionApp>(context.get_executor(), leased);
  }
  void freeze() { frozen = true; }
  void thaw() {
    frozen = false;
    thawed.cancel();
  }
  void until_health_is(int status) {
    const auto limit = transport_test::in(20s);
    while (send(*primary, "GET", "/api/health").status != status)
      ASSERT_LT(transport_test::in(0ms), limit) << "never " << status;
  }
  std::string lease() { return send(*primary, "GET", "/_control/blob-lease").body; }

  std::unique_ptr<transport::HttpServer> blobs;
  asio::steady_timer thawed{context, asio::steady_timer::time_point::max()};
  bool frozen = false;
  bool container = false, blob = false;
  std::string holder;
};

}  // namespace

TEST_F(LeasedApp, MakesWhatIsMissingAndIsHealthyOnceItHoldsTheLease) {
  start();
  EXPECT_EQ(send(*primary, "GET", "/api/health").status, 503);  // before it could have one
  until_health_is(200);
  EXPECT_EQ(holder, lease_id_of("primary"));
  get_until(*primary, "/_control/blob-lease", "\"renewals\":3");
  EXPECT_THAT(lease(), HasSubstr("\"held\":true"));
  EXPECT_THAT(lease(), HasSubstr("\"takes\":1,"));
}

TEST_F(LeasedApp, StartsNothingNewWithoutItWhileWhatRunsGoesOn) {
  start();
  until_health_is(200);
  ASSERT_EQ(durable(*primary, "POST", "/orchestrators/Order/a", R"({"waitForEvent":"Go"})").status,
            202);
  freeze();
  until_health_is(503);
  const auto health = send(*primary, "GET", "/api/health");
  EXPECT_THAT(health.body, HasSubstr("no lease on the blob understudy-leases/primary"));
  EXPECT_EQ(send(*primary, "GET", "/runtime/health/ready").status, 503);
  EXPECT_EQ(send(*primary, "GET", "/runtime/health/live").status, 200);
  const auto built_in = durable(*primary, "POST", "/orchestrators/Order/b");
  EXPECT_EQ(built_in.status, 503);
  EXPECT_EQ(built_in.body, "Function host is not running.");
  EXPECT_EQ(send(*primary, "POST", "/api/orchestrators/Order").status, 503);
  EXPECT_EQ(durable(*primary, "POST", "/instances/a/restart").status, 503);
  EXPECT_EQ(store()->list("Orders", ListFilter{}).instances.size(), 1u);
  EXPECT_EQ(durable(*primary, "POST", "/instances/a/raiseEvent/Go", "1").status, 202);
  poll_until(*primary, "a", "Completed");
  EXPECT_EQ(send(*primary, "GET", "/api/echo").status, 200);
  thaw();
  until_health_is(200);
  EXPECT_EQ(durable(*primary, "POST", "/orchestrators/Order/b").status, 202);
  EXPECT_THAT(lease(), HasSubstr("\"takes\":1,"));  // it was never taken from it
}

TEST_F(LeasedApp, TakesItAgainWhenTheAccountHasLostEverything) {
  start();
  until_health_is(200);
  container = blob = false;
  holder.clear();
  get_until(*primary, "/_control/blob-lease", "\"takes\":2,");
  EXPECT_EQ(send(*primary, "GET", "/api/health").status, 200);
  EXPECT_EQ(holder, lease_id_of("primary"));
}

TEST_F(LeasedApp, WaitsWhileAnotherHasIt) {
  container = blob = true;
  holder = lease_id_of("another app");
  start();
  get_until(*primary, "/api/health", "409 LeaseAlreadyPresent");
  EXPECT_THAT(lease(), HasSubstr("\"held\":false"));
  holder.clear();
  until_health_is(200);
}

TEST_F(LeasedApp, LosesItToWhoeverBreaksItAndNamesTheReason) {
  start();
  until_health_is(200);
  holder = lease_id_of("another app");
  until_health_is(503);
  EXPECT_THAT(lease(), HasSubstr("LeaseAlreadyPresent"));
}

TEST_F(LeasedApp, StopsWhileTheAccountIsSilentAndNeverTellsTheKey) {
  freeze();
  start(5s);
  EXPECT_THAT(lease() + send(*primary, "GET", "/api/health").body, Not(HasSubstr(key)));
  thaw();
  bool stopped = false;
  const auto limit = transport_test::in(10s);
  primary->stop([&stopped] { stopped = true; });
  while (!stopped && transport_test::in(0ms) < limit) context.run_for(10ms);
  EXPECT_TRUE(stopped);
}

TEST_F(LeasedApp, APathThatIsNoBlobIsRefusedAtTheStart) {
  AppOptions bad = options("primary");
  bad.lease_blob.emplace();
  bad.lease_blob->host = "127.0.0.1";
  bad.lease_blob->port = blobs->port();
  bad.lease_blob->base_path = "/a/b/c/d";
  EXPECT_THROW(FunctionApp(context.get_executor(), bad), std::runtime_error);
}

}  // namespace rehearsal
