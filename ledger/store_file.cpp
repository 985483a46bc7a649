#include "ledger/store_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "ledger/store.hpp"

namespace ledger {
namespace {

using Kind = FileSystem::Kind;

struct KnownFileSystem {
  std::uint32_t magic;
  FileSystem is;
};
// From linux/magic.h, and the numbers that drivers define for themselves.
constexpr std::array<KnownFileSystem, 17> known_file_systems = {{
    {0x6969, {Kind::network, "NFS"}},
    {0x517b, {Kind::network, "SMB"}},
    {0xff534d42, {Kind::network, "CIFS"}},
    {0xfe534d42, {Kind::network, "SMB2"}},
    {0x65735546, {Kind::network, "FUSE"}},  // sshfs, blob storage, virtiofs
    {0x01021997, {Kind::network, "9p"}},
    {0x00c36400, {Kind::network, "Ceph"}},
    {0x5346414f, {Kind::network, "AFS"}},
    {0x6b414653, {Kind::network, "AFS"}},
    {0x73757245, {Kind::network, "Coda"}},
    {0x0bd00bd0, {Kind::network, "Lustre"}},
    {0x01161970, {Kind::network, "GFS2"}},
    {0x7461636f, {Kind::network, "OCFS2"}},
    {0x786f4256, {Kind::network, "a VirtualBox shared folder"}},
    {0x01021994, {Kind::forgets, "tmpfs"}},
    {0x858458f6, {Kind::forgets, "ramfs"}},
    {0x794c7630, {Kind::forgets, "a container's overlay"}},
}};

[[noreturn]] void fail(const std::string& what) {
  throw StoreError{what + ": " + std::strerror(errno), false};
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

void make_folder(const std::string& folder) {
  struct stat info{};
  if (::stat(folder.c_str(), &info) == 0) return;
  if (errno != ENOENT) fail("cannot read " + folder);
  make_folder(folder_of(folder));
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) fail("cannot create " + folder);
}

std::string read_owner(int lock) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(lock, text.data(), text.size() - 1, 0);
  std::string pid;
  for (ssize_t i = 0; i < size && text[static_cast<std::size_t>(i)] >= '0' &&
                      text[static_cast<std::size_t>(i)] <= '9';
       ++i)
    pid += text[static_cast<std::size_t>(i)];
  return pid.empty() ? "another process" : "process " + pid;
}

}  // namespace

FileSystem file_system_of(std::int64_t magic) {
  // Some platforms sign-extend the 32-bit number.
  const auto number = static_cast<std::uint32_t>(static_cast<std::uint64_t>(magic));
  for (const KnownFileSystem& known : known_file_systems)
    if (known.magic == number) return known.is;
  return {};
}

StoreFile::StoreFile(std::string path) : path_{std::move(path)} {
  make_folder(folder_of(path_));
  check_file_system();
  try {
    lock();
    make_file();
  } catch (...) {
    if (lock_ >= 0) ::close(lock_);
    throw;
  }
}

StoreFile::~StoreFile() {
  ::close(lock_);  // the lock file stays: removing it would race with the next owner
}

void StoreFile::check_file_system() {
  const std::string folder = folder_of(path_);
  struct statfs info{};
  if (::statfs(folder.c_str(), &info) != 0) fail("cannot read the file system of " + folder);
  const FileSystem system = file_system_of(static_cast<std::int64_t>(info.f_type));
  if (system.kind == Kind::network)
    throw StoreError{path_ + " is on " + system.name +
                         ", where SQLite's write-ahead log is not safe: give durable.ledger.path a "
                         "place on a local disk",
                     true};
  if (system.kind == Kind::forgets)
    warning_ = path_ + " is on " + system.name + " and will be lost with it";
}

void StoreFile::lock() {
  const std::string name = path_ + ".lock";
  lock_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) fail("cannot open " + name);
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) fail("cannot lock " + name);
    throw StoreError{path_ + " is in use by " + read_owner(lock_) +
                         ": stop it, or give this one another durable.ledger.path",
                     true};
  }
  // Only for the message above, so a full disk does not matter.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock_, 0) == 0) [[maybe_unused]]
    const ssize_t written = ::pwrite(lock_, pid.data(), pid.size(), 0);
}

void StoreFile::make_file() const {
  // Before SQLite does, so that there is no moment with a wider mode; -wal and -shm take it over.
  const int file = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) fail("cannot open " + path_);
  const bool narrowed = ::fchmod(file, 0600) == 0;
  const int reason = errno;
  ::close(file);
  errno = reason;
  if (!narrowed) fail("cannot make " + path_ + " private");
}

}  // namespace ledger
