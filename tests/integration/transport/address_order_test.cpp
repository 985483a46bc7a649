#include "transport/address_order.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

// '6' and '4' are addresses of that family, numbered within it: "664" is 6a, 6b, 4a.
std::string order_of(std::string_view families) {
  std::vector<config::SocketAddress> addresses;
  std::uint8_t v6_seen = 0;
  std::uint8_t v4_seen = 0;
  for (const char family : families) {
    config::SocketAddress address;
    address.v6 = family == '6';
    address.bytes[0] = address.v6 ? v6_seen++ : v4_seen++;
    addresses.push_back(address);
  }
  std::string text;
  for (const auto& address : transport::interleave_families(addresses)) {
    if (!text.empty()) text += ' ';
    text += address.v6 ? '6' : '4';
    text += static_cast<char>('a' + address.bytes[0]);
  }
  return text;
}

TEST(AddressOrder, OneFamilyKeepsItsOrder) {
  EXPECT_EQ(order_of(""), "");
  EXPECT_EQ(order_of("4"), "4a");
  EXPECT_EQ(order_of("6666"), "6a 6b 6c 6d");
}

TEST(AddressOrder, FamiliesAlternateBeginningWithTheOneThatTheSystemPrefers) {
  EXPECT_EQ(order_of("64"), "6a 4a");
  EXPECT_EQ(order_of("6644"), "6a 4a 6b 4b");
  EXPECT_EQ(order_of("4466"), "4a 6a 4b 6b");
}

TEST(AddressOrder, WhatOneFamilyHasMoreOfComesLast) {
  EXPECT_EQ(order_of("66664"), "6a 4a 6b 6c 6d");
  EXPECT_EQ(order_of("64444"), "6a 4a 4b 4c 4d");
}

}  // namespace
