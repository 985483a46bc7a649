// The file system's side of a store: a private folder and file, on a disk that SQLite can trust,
// held by one process.
#pragma once

#include <cstdint>
#include <string>

namespace ledger {

// What kind of file system a statfs magic number names.
struct FileSystem {
  enum class Kind { local, forgets, network } kind = Kind::local;
  const char* name = "";  // for messages; empty for local ones
};
FileSystem file_system_of(std::int64_t magic);

// The file at `path`, made if need be (folders 0700, file 0600), and this process's claim on it.
// Owned by the store. Throws StoreError.
class StoreFile {
 public:
  explicit StoreFile(std::string path);
  ~StoreFile();
  StoreFile(const StoreFile&) = delete;
  StoreFile& operator=(const StoreFile&) = delete;

  const std::string& path() const { return path_; }
  const std::string& warning() const { return warning_; }

 private:
  void check_file_system();
  void lock();
  void make_file() const;

  const std::string path_;
  std::string warning_;
  int lock_ = -1;
};

}  // namespace ledger
