// The signature of a call to a storage account, and the place of a blob in one.
#include "rehearsal/shared_key.hpp"

#include <gtest/gtest.h>

#include "config/url.hpp"
#include "rehearsal/blob_lease.hpp"

namespace rehearsal {

namespace {

// The key that every emulator prints.
constexpr const char* emulators_key =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/"
    "K1SZFPTOtr/KBHBeksoGMGw==";

SignedCall new_blob() {
  SignedCall call;
  call.method = "PUT";
  call.account = "devstoreaccount1";
  call.path = "/devstoreaccount1/leases/primary";
  call.x_fields = {{"x-ms-version", "2021-12-02"},
                   {"x-ms-date", "Tue, 24 Nov 2026 02:40:00 GMT"},
                   {"x-ms-blob-type", "BlockBlob"}};
  call.if_none_match = "*";
  return call;
}

std::string place(const std::string& text) {
  config::Url url;
  if (config::parse_url(text, url)) return "(no URL)";
  const auto found = blob_place(url, "west app");
  if (!found) return "(no place)";
  return found->host + ":" + std::to_string(found->port) + " " + found->account + " " +
         found->container + " " + found->blob;
}

}  // namespace

TEST(SharedKey, SignsVerbConditionOwnFieldsInOrderAndWhatIsAskedFor) {
  EXPECT_EQ(text_to_sign(new_blob()),
            "PUT\n\n\n\n\n\n\n\n\n*\n\n\n"
            "x-ms-blob-type:BlockBlob\n"
            "x-ms-date:Tue, 24 Nov 2026 02:40:00 GMT\n"
            "x-ms-version:2021-12-02\n"
            "/devstoreaccount1/devstoreaccount1/leases/primary");
  SignedCall lease = new_blob();
  lease.if_none_match.clear();
  lease.query = {{"timeout", "2"}, {"comp", "lease"}};
  lease.x_fields.clear();
  EXPECT_EQ(text_to_sign(lease),
            "PUT\n\n\n\n\n\n\n\n\n\n\n\n"
            "/devstoreaccount1/devstoreaccount1/leases/primary\ncomp:lease\ntimeout:2");
}

TEST(SharedKey, TheSignatureIsTheOneThatAnotherImplementationMakes) {
  const auto key = read_storage_key(emulators_key);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->size(), 64u);
  const auto fields = signed_fields(new_blob(), *key);
  EXPECT_EQ(*transport::find_header(fields, "Authorization"),
            "SharedKey devstoreaccount1:U7oPz1psBjdOsjkGdrRbOm5NLlbOb7KvN75qYg5X8NE=");
  EXPECT_EQ(*transport::find_header(fields, "If-None-Match"), "*");
  EXPECT_EQ(*transport::find_header(fields, "x-ms-blob-type"), "BlockBlob");
}

TEST(SharedKey, AKeyThatIsNoBase64IsRefused) {
  EXPECT_EQ(read_storage_key("QUJD"), "ABC");
  EXPECT_EQ(read_storage_key("QUI="), "AB");
  EXPECT_EQ(read_storage_key("QQ=="), "A");
  for (const char* bad : {"", "QUJ", "QUJDR", "Q===", "====", "QU*D", "not a key at all"})
    EXPECT_EQ(read_storage_key(bad), std::nullopt) << bad;
  EXPECT_EQ(read_storage_key(std::string(4096, 'A')), std::nullopt);
}

TEST(BlobPlace, WhatTheUrlDoesNotSayIsMadeUp) {
  EXPECT_EQ(place("http://127.0.0.1:10000"),
            "127.0.0.1:10000 devstoreaccount1 understudy-leases west%20app");
  EXPECT_EQ(place("http://127.0.0.1:10000/other"),
            "127.0.0.1:10000 other understudy-leases west%20app");
  EXPECT_EQ(place("http://127.0.0.1:10000/other/locks/"), "127.0.0.1:10000 other locks west%20app");
  EXPECT_EQ(place("http://127.0.0.1:10000/other/locks/one"), "127.0.0.1:10000 other locks one");
  EXPECT_EQ(place("http://127.0.0.1:10000/other/locks/one/more"), "(no place)");
  EXPECT_EQ(place("http://127.0.0.1:10000/other//one"), "(no place)");
}

TEST(LeaseId, IsAGuidThatEachNameHasForItself) {
  EXPECT_EQ(lease_id_of("primary"), "986a1b71-35f4-9861-50aa-5fa0028feeaa");
  EXPECT_NE(lease_id_of("primary"), lease_id_of("secondary"));
}

}  // namespace rehearsal
