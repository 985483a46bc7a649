// Certificates of one rehearsal: an authority that nobody else trusts, and what a server shows that
// is in order, has expired, or belongs to somebody else. Made anew for each run. Plain functions.
#pragma once

#include <string>

namespace stage {

struct Certificates {
  struct Pair {
    std::string certificate, key;  // PEM files; the key is for the owner's eyes only
  };
  std::string ca_file;
  Pair good;        // localhost, 127.0.0.1 and ::1
  Pair expired;     // the same names, until yesterday
  Pair wrong_name;  // in order, but of another host
};

// Into a folder that exists; "" or the problem.
std::string make_certificates(const std::string& folder, Certificates& out);

}  // namespace stage
