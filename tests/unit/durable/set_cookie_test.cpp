#include "durable/set_cookie.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace durable {
namespace {

const std::vector<std::string_view> hosts{"orders-weu.azurewebsites.net", "127.0.0.1", "::1"};

std::string rewritten(std::string_view value, std::string_view public_host) {
  return rewrite_cookie_domain(value, hosts, public_host).value_or("(unchanged)");
}

struct Row {
  const char* value;
  const char* moved;    // for orders.example.com
  const char* removed;  // for localhost and IP addresses
};

TEST(CookieDomain, of_an_endpoint_or_a_parent_of_it_moves_and_the_rest_stays) {
  for (const Row& row : std::vector<Row>{
           {"a=b; Domain=orders-weu.azurewebsites.net; Path=/",
            "a=b; Domain=orders.example.com; Path=/", "a=b; Path=/"},
           {"a=b; path=/;DOMAIN = .AzureWebsites.net ;Secure;HttpOnly",
            "a=b; path=/;DOMAIN = orders.example.com ;Secure;HttpOnly",
            "a=b; path=/;Secure;HttpOnly"},
           {"a=b;domain=.azurewebsites.net", "a=b;domain=orders.example.com", "a=b"},
           {"a=b; Domain=127.0.0.1", "a=b; Domain=orders.example.com", "a=b"},
           {"a=b; Domain=[::1]", "a=b; Domain=orders.example.com", "a=b"},
           {"a=b; Domain=net; Domain=azurewebsites.net",
            "a=b; Domain=orders.example.com; Domain=orders.example.com", "a=b"},
           {"ARRAffinity=\"x;Domain=.azurewebsites.net;y\"",
            "ARRAffinity=\"x;Domain=orders.example.com;y\"", "ARRAffinity=\"x;y\""},
       }) {
    EXPECT_EQ(rewritten(row.value, "orders.example.com"), row.moved) << row.value;
    for (const char* host : {"localhost", "10.0.0.1", "[2001:db8::1]", "2001:db8::1", "intranet"})
      EXPECT_EQ(rewritten(row.value, host), row.removed) << row.value << " for " << host;
  }
}

TEST(CookieDomain, of_others_stays) {
  for (const char* value :
       {"a=b", "", "a=b;", "a=b; Path=/; Secure", "Domain=azurewebsites.net",
        "a=Domain=azurewebsites.net; Path=/", "a=b; Domain=", "a=b; Domain=.", "a=b; Domain",
        "a=b; XDomain=azurewebsites.net", "a=b; Domain=other.azurewebsites.net",
        "a=b; Domain=sites.net", "a=b; Domain=0.0.1", "a=b; Domain=1",
        "a=b; Domain=x.orders-weu.azurewebsites.net", "a=b; Path=/x=azurewebsites.net"}) {
    EXPECT_EQ(rewritten(value, "orders.example.com"), "(unchanged)") << value;
    EXPECT_EQ(rewritten(value, "localhost"), "(unchanged)") << value;
  }
  EXPECT_EQ(rewritten("a=b; Domain=azurewebsites.net", ""), "(unchanged)");
}

TEST(CookieDomain, that_covers_the_public_host_too_stays) {
  EXPECT_EQ(rewritten("a=b; Domain=.azurewebsites.net", "orders.azurewebsites.net"), "(unchanged)");
  EXPECT_EQ(rewritten("a=b; Domain=orders-weu.azurewebsites.net", "orders.azurewebsites.net"),
            "a=b; Domain=orders.azurewebsites.net");
}

}  // namespace
}  // namespace durable
