// A folder of its own for a ledger's file, and disks that fail, for tests on a real file system.
#pragma once

#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace support {

class LedgerFolder {
 public:
  LedgerFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "ledger-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"no temporary folder"};
    folder_ = pattern;
  }
  ~LedgerFolder() { std::filesystem::remove_all(folder_); }
  LedgerFolder(const LedgerFolder&) = delete;
  LedgerFolder& operator=(const LedgerFolder&) = delete;

  std::string path() const { return folder_ + "/ledger.db"; }
  const std::string& folder() const { return folder_; }
  // Of everything in the folder: the file, its log and what else there may be.
  std::string bytes() const {
    std::string all;
    for (const auto& entry : std::filesystem::directory_iterator{folder_}) {
      std::ifstream file{entry.path(), std::ios::binary};
      all.append(std::istreambuf_iterator<char>{file}, {});
    }
    return all;
  }

 private:
  std::string folder_;
};

// Files of this process end at a limit, as on a full disk.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, SIG_IGN);
    const rlimit small{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace support
