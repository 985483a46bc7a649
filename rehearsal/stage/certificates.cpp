#include "rehearsal/stage/certificates.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <utility>

namespace stage {

namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
  void operator()(FILE* file) const { std::fclose(file); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using File = std::unique_ptr<FILE, Free>;
using Extensions = std::initializer_list<std::pair<int, const char*>>;

constexpr long day = 24L * 60 * 60;

void need(bool done, const std::string& what) {
  if (done) return;
  ERR_clear_error();
  throw std::runtime_error(what);
}

struct Wanted {
  long serial;
  const char* name;
  long from_days, to_days;
};

// Signed by itself, or by `issuer`.
Certificate make(const Wanted& wanted, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key,
                 Extensions extensions) {
  Certificate made{X509_new()};
  X509* certificate = made.get();
  need(certificate != nullptr, "no memory for a certificate");
  X509_NAME* name = X509_get_subject_name(certificate);
  bool done = X509_set_version(certificate, X509_VERSION_3) == 1 &&
              ASN1_INTEGER_set(X509_get_serialNumber(certificate), wanted.serial) == 1 &&
              X509_gmtime_adj(X509_getm_notBefore(certificate), wanted.from_days * day) &&
              X509_gmtime_adj(X509_getm_notAfter(certificate), wanted.to_days * day) &&
              X509_set_pubkey(certificate, key) == 1 &&
              X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                         reinterpret_cast<const unsigned char*>(wanted.name), -1,
                                         -1, 0) == 1 &&
              X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : name) == 1;
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer ? issuer : certificate, certificate, nullptr, nullptr, 0);
  for (const auto& [kind, text] : extensions) {
    const std::unique_ptr<X509_EXTENSION, Free> extension{
        X509V3_EXT_conf_nid(nullptr, &context, kind, text)};
    done = done && extension && X509_add_ext(certificate, extension.get(), -1) == 1;
  }
  done = done && X509_sign(certificate, issuer ? issuer_key : key, EVP_sha256()) > 0;
  need(done, std::string{"cannot make the certificate of "} + wanted.name);
  return made;
}

Key make_key() {
  Key key{EVP_EC_gen("P-256")};
  need(key != nullptr, "cannot make a key");
  return key;
}

// For the owner alone from its first byte on.
File create(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  FILE* file = descriptor < 0 ? nullptr : ::fdopen(descriptor, "w");
  if (file == nullptr && descriptor >= 0) ::close(descriptor);
  need(file != nullptr, "cannot write " + path);
  return File{file};
}

void close(File file, bool written, const std::string& path) {
  const bool closed = std::fclose(file.release()) == 0;
  need(written && closed, "cannot write " + path);
}

void save(const std::string& path, X509* certificate) {
  File file = create(path);
  const bool written = PEM_write_X509(file.get(), certificate) == 1;
  close(std::move(file), written, path);
}

void save(const std::string& path, EVP_PKEY* key) {
  File file = create(path);
  const bool written =
      PEM_write_PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1;
  close(std::move(file), written, path);
}

}  // namespace

std::string make_certificates(const std::string& folder, Certificates& out) {
  constexpr const char* own_names = "DNS:localhost,IP:127.0.0.1,IP:::1";
  try {
    const Key authority_key = make_key();
    const Wanted wanted_authority{1, "Authority of one rehearsal", -60, 60};
    const Certificate authority = make(wanted_authority, authority_key.get(), nullptr, nullptr,
                                       {{NID_basic_constraints, "critical,CA:TRUE"},
                                        {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                        {NID_subject_key_identifier, "hash"}});
    Certificates made;
    made.ca_file = folder + "/authority.pem";
    save(made.ca_file, authority.get());
    const auto issue = [&](const Wanted& wanted, const char* names, const std::string& file) {
      const Key key = make_key();
      const Certificate certificate = make(wanted, key.get(), authority.get(), authority_key.get(),
                                           {{NID_basic_constraints, "critical,CA:FALSE"},
                                            {NID_key_usage, "critical,digitalSignature"},
                                            {NID_ext_key_usage, "serverAuth"},
                                            {NID_subject_alt_name, names}});
      const Certificates::Pair pair{folder + "/" + file + ".pem", folder + "/" + file + ".key"};
      save(pair.certificate, certificate.get());
      save(pair.key, key.get());
      return pair;
    };
    made.good = issue({2, "localhost", -1, 30}, own_names, "good");
    made.expired = issue({3, "localhost", -30, -1}, own_names, "expired");
    made.wrong_name =
        issue({4, "elsewhere.invalid", -1, 30}, "DNS:elsewhere.invalid", "wrong-name");
    out = made;
    return {};
  } catch (const std::exception& error) {
    return std::string{"certificates: "} + error.what();
  }
}

}  // namespace stage
