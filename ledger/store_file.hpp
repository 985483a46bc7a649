// The file system's side of a store: a private folder and file, on a disk that SQLite can trust,
// and the sign that this process lives, for others that share the file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ledger {

// What kind of file system a statfs magic number names.
struct FileSystem {
  enum class Kind { local, forgets, network } kind = Kind::local;
  const char* name = "";  // for messages; empty for local ones
};
FileSystem file_system_of(std::int64_t magic);

// A lock that its process holds for as long as it lives, on a file beside the store's. The kernel
// lets go of it when the process ends, however it ends.
class OwnerLock {
 public:
  // Takes the lock of `tag`, made if need be. Throws StoreError.
  static OwnerLock take(const std::string& path, const std::string& tag);
  // The lock of a process that is gone: taken. Nothing is held when it lives.
  static OwnerLock of_dead(const std::string& path, const std::string& tag);
  static std::vector<std::string> tags(const std::string& path);  // of all files that are there

  OwnerLock() = default;
  OwnerLock(OwnerLock&& other) noexcept;
  OwnerLock& operator=(OwnerLock&& other) noexcept;
  ~OwnerLock();

  bool held() const { return file_ >= 0 || no_file_; }
  bool is_there() const;  // nobody removed the file
  void remove();          // the file, and lets go

 private:
  std::string name_;
  int file_ = -1;
  bool no_file_ = false;  // it was removed already, so its process is not to be asked
};

// The file at `path`, made if need be (folders 0700, file 0600), and this process's lock. Owned by
// the store. Throws StoreError.
class StoreFile {
 public:
  StoreFile(std::string path, std::string tag);
  ~StoreFile();
  StoreFile(const StoreFile&) = delete;
  StoreFile& operator=(const StoreFile&) = delete;

  void prepare();         // before each opening: what was removed is made again
  bool is_there() const;  // the file that was prepared, at its path
  const std::string& warning() const { return warning_; }

 private:
  void check_file_system();
  void make_file();

  const std::string path_;
  const std::string tag_;
  std::string warning_;
  OwnerLock lock_;
  std::uint64_t device_ = 0, inode_ = 0;
};

}  // namespace ledger
