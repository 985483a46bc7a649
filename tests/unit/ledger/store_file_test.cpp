#include "ledger/store_file.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using ledger::file_system_of;
using Kind = ledger::FileSystem::Kind;

TEST(FileSystems, network_ones_are_told_from_local_ones) {
  for (const std::int64_t magic : {0x6969L, 0xff534d42L, 0xfe534d42L, 0x65735546L, 0x01021997L})
    EXPECT_EQ(file_system_of(magic).kind, Kind::network) << std::hex << magic;
  EXPECT_EQ(file_system_of(0x01021994).kind, Kind::forgets);  // tmpfs
  EXPECT_EQ(file_system_of(0x794c7630).kind, Kind::forgets);  // overlay
  for (const std::int64_t magic : {0xef53L, 0x58465342L, 0x9123683eL, 0x2fc12fc1L, 0L})
    EXPECT_EQ(file_system_of(magic).kind, Kind::local)
        << std::hex << magic;  // ext4, XFS, Btrfs, ZFS
}

TEST(FileSystems, a_sign_extended_number_is_the_same_one) {
  EXPECT_EQ(file_system_of(static_cast<std::int32_t>(0xff534d42)).name, std::string{"CIFS"});
}

}  // namespace
