// A self-signed certificate and its key as two PEM files, removed with the object.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>

namespace test {

class TestCertificate {
 public:
  // `names` as in subjectAltName: "DNS:localhost,IP:127.0.0.1". Ends `days` from now.
  explicit TestCertificate(const std::string& names, int days = 2) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{EVP_EC_gen("P-256"),
                                                                  EVP_PKEY_free};
    const std::unique_ptr<X509, decltype(&X509_free)> made{X509_new(), X509_free};
    if (!key || !made) throw std::runtime_error{"no key"};
    constexpr int day = 24 * 3600;
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -10L * day);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), static_cast<long>(days) * day);
    X509_set_pubkey(made.get(), key.get());
    X509_NAME* subject = X509_get_subject_name(made.get());
    const auto* text = reinterpret_cast<const unsigned char*>("understudy test");
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, text, -1, -1, 0);
    X509_set_issuer_name(made.get(), subject);
    X509_EXTENSION* extension =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
    X509_add_ext(made.get(), extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(made.get(), key.get(), EVP_sha256());
    write(certificate_, [&](FILE* file) { PEM_write_X509(file, made.get()); });
    write(key_, [&](FILE* file) {
      PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  ~TestCertificate() {
    unlink(certificate_.c_str());
    unlink(key_.c_str());
  }
  TestCertificate(const TestCertificate&) = delete;
  TestCertificate& operator=(const TestCertificate&) = delete;

  const std::string& certificate_file() const { return certificate_; }
  const std::string& key_file() const { return key_; }

 private:
  template <class Write>
  static void write(std::string& path, Write write_to) {
    path = "/tmp/understudy-test-XXXXXX";
    const int descriptor = mkstemp(path.data());
    FILE* file = descriptor < 0 ? nullptr : fdopen(descriptor, "w");
    if (file == nullptr) throw std::runtime_error{"no temporary file"};
    write_to(file);
    std::fclose(file);
  }

  std::string certificate_, key_;
};

}  // namespace test
