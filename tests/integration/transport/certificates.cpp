#include "certificates.hpp"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace transport_test {

namespace {

using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using CertPtr = std::unique_ptr<X509, decltype(&X509_free)>;
using FilePtr = std::unique_ptr<FILE, decltype(&fclose)>;

constexpr long seconds_per_day = 24L * 60 * 60;

KeyPtr make_key() {
  KeyPtr key{EVP_EC_gen("P-256"), &EVP_PKEY_free};
  if (!key) throw std::runtime_error("cannot make a key");
  return key;
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) throw std::runtime_error("bad extension " + value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

CertPtr make_certificate(EVP_PKEY* key, const std::string& common_name, long from_days,
                         long to_days) {
  static long serial = 1;
  CertPtr certificate{X509_new(), &X509_free};
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from_days * seconds_per_day);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), to_days * seconds_per_day);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                             0);
  return certificate;
}

FilePtr open_for_writing(const std::string& path) {
  FilePtr file{std::fopen(path.c_str(), "w"), &fclose};
  if (!file) throw std::runtime_error("cannot write " + path);
  return file;
}

}  // namespace

struct Certificates::Authority {
  KeyPtr key = make_key();
  CertPtr certificate = make_certificate(key.get(), "Test authority", -400, 400);
};

Certificates::Certificates() : authority_{new Authority} {
  std::string pattern = (std::filesystem::temp_directory_path() / "certificates-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  folder_ = pattern;
  X509* ca = authority_->certificate.get();
  X509_set_issuer_name(ca, X509_get_subject_name(ca));
  add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign");
  X509_sign(ca, authority_->key.get(), EVP_sha256());
  ca_file_ = path("ca.pem");
  PEM_write_X509(open_for_writing(ca_file_).get(), ca);
}

Certificates::~Certificates() {
  delete authority_;
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

Certificates::Pair Certificates::issue(const std::string& label, const Wanted& wanted) {
  const KeyPtr key = make_key();
  const CertPtr certificate =
      make_certificate(key.get(), label, wanted.valid_from_days, wanted.valid_to_days);
  X509* ca = authority_->certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(ca));
  add_extension(certificate.get(), ca, NID_subject_alt_name, wanted.names);
  X509_sign(certificate.get(), authority_->key.get(), EVP_sha256());
  Pair pair{path(label + ".pem"), path(label + ".key")};
  PEM_write_X509(open_for_writing(pair.certificate).get(), certificate.get());
  PEM_write_PrivateKey(open_for_writing(pair.key).get(), key.get(), nullptr, nullptr, 0, nullptr,
                       nullptr);
  return pair;
}

}  // namespace transport_test
