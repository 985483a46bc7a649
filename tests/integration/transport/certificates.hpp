// Certificates made for one test run, in a temporary folder that is removed with the object.
#pragma once

#include <filesystem>
#include <string>

namespace transport_test {

class Certificates {
 public:
  Certificates();
  ~Certificates();
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  struct Pair {
    std::string certificate;
    std::string key;
  };
  struct Wanted {
    std::string names;  // subjectAltName, as "DNS:localhost,IP:127.0.0.1"
    long valid_from_days = -1;
    long valid_to_days = 30;
  };

  const std::string& ca_file() const { return ca_file_; }
  Pair issue(const std::string& label, const Wanted& wanted);
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

 private:
  struct Authority;
  std::filesystem::path folder_;
  std::string ca_file_;
  Authority* authority_;
};

}  // namespace transport_test
