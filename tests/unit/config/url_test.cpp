#include "config/url.hpp"

#include <gtest/gtest.h>

namespace config {
namespace {

struct UrlRow {
  const char* text;
  bool tls;
  const char* host;
  std::uint16_t port;
  const char* base_path;
  const char* origin;
};

TEST(EndpointUrls, AreTakenApart) {
  for (const UrlRow& row : {
           UrlRow{"http://app", false, "app", 80, "", "http://app"},
           {"https://App.Example.COM/", true, "app.example.com", 443, "",
            "https://app.example.com"},
           {"HTTPS://app:443", true, "app", 443, "", "https://app"},
           {"http://app:443", false, "app", 443, "", "http://app:443"},
           {"http://127.0.0.1:7071/prefix/", false, "127.0.0.1", 7071, "/prefix",
            "http://127.0.0.1:7071"},
           {"https://app/a/b%20c", true, "app", 443, "/a/b%20c", "https://app"},
           {"http://[::1]:7071", false, "::1", 7071, "", "http://[::1]:7071"},
           {"https://[2001:DB8::7]/x", true, "2001:db8::7", 443, "/x", "https://[2001:db8::7]"},
           {"http://web_a.internal:8080", false, "web_a.internal", 8080, "",
            "http://web_a.internal:8080"},
       }) {
    Url url;
    const auto problem = parse_url(row.text, url);
    ASSERT_FALSE(problem) << row.text << ": " << problem->rule;
    EXPECT_EQ(url.tls, row.tls) << row.text;
    EXPECT_EQ(url.host, row.host) << row.text;
    EXPECT_EQ(url.port, row.port) << row.text;
    EXPECT_EQ(url.base_path, row.base_path) << row.text;
    EXPECT_EQ(url.origin(), row.origin) << row.text;
  }
}

TEST(EndpointUrls, AreRefusedWithAReason) {
  struct Row {
    const char* text;
    const char* rule;
  };
  for (const Row& row : {
           Row{"", "is not an absolute URL"},
           {"app.example.com", "is not an absolute URL"},
           {"ftp://app", "has an unknown scheme"},
           {"http://", "has no host"},
           {"http://:80", "has no host"},
           {"http://user:pw@app", "contains a user name or an \"@\""},
           {"http://app?code=1", "has a query"},
           {"http://app/#top", "has a fragment"},
           {"http://app:0", "has a malformed port"},
           {"http://app:65536", "has a malformed port"},
           {"http://app:", "has a malformed port"},
           {"http://app:80x", "has a malformed port"},
           {"http://::1:80", "has no host"},
           {"http://2001:db8::7", "has a malformed host"},
           {"http://[::1", "has a malformed host"},
           {"http://[::1]x", "has a malformed host"},
           {"http://[app]", "has a malformed host"},
           {"http://1.2.3", "has a malformed host"},
           {"http://1.2.3.400", "has a malformed host"},
           {"http://a b", "has a malformed host"},
           {"http://a..b", "has a malformed host"},
           {"http://-a", "has a malformed host"},
           {"http://app/a b", "has a character that a URL path cannot have"},
           {"http://app/\r\nX: y", "has a character that a URL path cannot have"},
       }) {
    Url url;
    const auto problem = parse_url(row.text, url);
    ASSERT_TRUE(problem) << row.text;
    EXPECT_EQ(problem->rule, row.rule) << row.text;
    EXPECT_TRUE(url.host.empty()) << row.text;
  }
}

TEST(EndpointUrls, AreShownWithoutWhatMayBeSecret) {
  EXPECT_EQ(printable_url("http://user:pw@app/x?code=1"), "http://...");
  EXPECT_EQ(printable_url("user:pw@app"), "...");
  EXPECT_EQ(printable_url("https://app/x?code=1"), "https://app/x?...");
  EXPECT_EQ(printable_url("/api/health?code=1"), "/api/health?...");
  EXPECT_EQ(printable_url("/users/@me"), "/users/@me");
  EXPECT_EQ(printable_url("https://app/x"), "https://app/x");
}

TEST(ListenAddresses, NeedAnAddressOfThisMachineAndAPort) {
  struct Row {
    const char* text;
    const char* shown;  // or the rule
    bool good;
  };
  for (const Row& row : {
           Row{"127.0.0.1:8080", "127.0.0.1:8080", true},
           {"localhost:8080", "127.0.0.1:8080", true},
           {"0.0.0.0:0", "0.0.0.0:0", true},
           {"[::]:8443", "[::]:8443", true},
           {"[::1]:8080", "[::1]:8080", true},
           {":8080", "has no host", false},
           {"127.0.0.1", "has no port", false},
           {"127.0.0.1:", "has a malformed port", false},
           {"127.0.0.1:70000", "has a malformed port", false},
           {"app.example.com:80", "is not an address of this machine", false},
           {"::1", "has no host", false},
           {"2001:db8::1", "is not an address", false},
           {"[127.0.0.1]:80", "is not an address of this machine", false},
       }) {
    Address address;
    const auto problem = parse_listen_address(row.text, address);
    EXPECT_EQ(!problem, row.good) << row.text;
    EXPECT_EQ(problem ? problem->rule : address.text(), row.shown) << row.text;
  }
}

TEST(Blocks, AreAddressesOrCidr) {
  for (const char* text : {"10.0.0.0/8", "192.0.2.1", "0.0.0.0/0", "2001:db8::/32", "::1"})
    EXPECT_FALSE(parse_block(text)) << text;
  for (const char* text : {"", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/", "10.0.0.0/a", "host",
                           "2001:db8::1/32", "10.0.0/8", "::/129"})
    EXPECT_TRUE(parse_block(text)) << text;
}

TEST(Loopback, IsKnownByAddressAndName) {
  for (const char* host : {"127.0.0.1", "127.9.9.9", "::1", "localhost", "::ffff:127.0.0.1"})
    EXPECT_TRUE(is_loopback(host)) << host;
  for (const char* host : {"128.0.0.1", "127.example.com", "::2", "0.0.0.0", "localhost.example"})
    EXPECT_FALSE(is_loopback(host)) << host;
}

}  // namespace
}  // namespace config
