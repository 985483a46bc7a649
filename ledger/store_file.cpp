#include "ledger/store_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
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

bool is_same_file(int file, const std::string& name) {
  struct stat here{};
  struct stat there{};
  return ::fstat(file, &here) == 0 && ::stat(name.c_str(), &there) == 0 &&
         here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

constexpr std::string_view owner_suffix = ".owner-";

}  // namespace

FileSystem file_system_of(std::int64_t magic) {
  // Some platforms sign-extend the 32-bit number.
  const auto number = static_cast<std::uint32_t>(static_cast<std::uint64_t>(magic));
  for (const KnownFileSystem& known : known_file_systems)
    if (known.magic == number) return known.is;
  return {};
}

OwnerLock OwnerLock::take(const std::string& path, const std::string& tag) {
  OwnerLock lock;
  lock.name_ = path + std::string{owner_suffix} + tag;
  for (;;) {
    lock.file_ = ::open(lock.name_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock.file_ < 0) fail("cannot open " + lock.name_);
    while (::flock(lock.file_, LOCK_EX) != 0)
      if (errno != EINTR) fail("cannot lock " + lock.name_);
    // Whoever tidies up may have removed it between the two.
    if (is_same_file(lock.file_, lock.name_)) return lock;
    ::close(lock.file_);
    lock.file_ = -1;
  }
}

OwnerLock OwnerLock::of_dead(const std::string& path, const std::string& tag) {
  OwnerLock lock;
  lock.name_ = path + std::string{owner_suffix} + tag;
  lock.file_ = ::open(lock.name_.c_str(), O_RDONLY | O_CLOEXEC);
  if (lock.file_ < 0) {
    lock.no_file_ = errno == ENOENT;
    if (!lock.no_file_) fail("cannot open " + lock.name_);
    return lock;
  }
  if (::flock(lock.file_, LOCK_EX | LOCK_NB) == 0) return lock;
  const int reason = errno;
  ::close(lock.file_);
  lock.file_ = -1;
  errno = reason;
  if (reason != EWOULDBLOCK && reason != EINTR) fail("cannot lock " + lock.name_);
  return lock;
}

std::vector<std::string> OwnerLock::tags(const std::string& path) {
  const std::filesystem::path whole{path};
  const std::string prefix = whole.filename().string() + std::string{owner_suffix};
  std::vector<std::string> tags;
  std::error_code ignored;  // what cannot be read is tidied up another time
  for (std::filesystem::directory_iterator file{folder_of(path), ignored}, end;
       !ignored && file != end; file.increment(ignored)) {
    const std::string name = file->path().filename().string();
    if (name.compare(0, prefix.size(), prefix) == 0) tags.push_back(name.substr(prefix.size()));
  }
  return tags;
}

OwnerLock::OwnerLock(OwnerLock&& other) noexcept
    : name_{std::move(other.name_)},
      file_{std::exchange(other.file_, -1)},
      no_file_{std::exchange(other.no_file_, false)} {}

OwnerLock& OwnerLock::operator=(OwnerLock&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(file_, other.file_);
  std::swap(no_file_, other.no_file_);
  return *this;
}

OwnerLock::~OwnerLock() {
  if (file_ >= 0) ::close(file_);
}

bool OwnerLock::is_there() const {
  return file_ >= 0 && is_same_file(file_, name_);
}

void OwnerLock::remove() {
  if (is_there()) ::unlink(name_.c_str());  // while it is locked: nobody else can hold it
  if (file_ >= 0) ::close(file_);
  file_ = -1;
  no_file_ = false;
}

StoreFile::StoreFile(std::string path, std::string tag)
    : path_{std::move(path)}, tag_{std::move(tag)} {
  prepare();
}

StoreFile::~StoreFile() {
  lock_.remove();
}

void StoreFile::prepare() {
  make_folder(folder_of(path_));
  check_file_system();
  if (!lock_.is_there()) lock_ = OwnerLock::take(path_, tag_);
  make_file();
}

bool StoreFile::is_there() const {
  struct stat info{};
  return lock_.is_there() && ::stat(path_.c_str(), &info) == 0 && info.st_dev == device_ &&
         info.st_ino == inode_;
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

// Before SQLite does, so that there is no moment with a wider mode; -wal and -shm take it over. A
// file that is there is not opened: closing it would end the locks that another connection of this
// process has on it.
void StoreFile::make_file() {
  const int file = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 && errno != EEXIST) fail("cannot open " + path_);
  if (file >= 0) ::close(file);
  struct stat info{};
  if (::stat(path_.c_str(), &info) != 0) fail("cannot read " + path_);
  if ((info.st_mode & 0777) != 0600 && ::chmod(path_.c_str(), 0600) != 0)
    fail("cannot make " + path_ + " private");
  device_ = info.st_dev;
  inode_ = info.st_ino;
}

}  // namespace ledger
