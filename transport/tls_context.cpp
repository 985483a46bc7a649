#include "transport/tls_context.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

namespace transport {
namespace {

std::string last_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  const char* reason = ERR_reason_error_string(code);
  return reason ? reason : "error " + std::to_string(code);
}

TlsContext make_context(const SSL_METHOD* method) {
  TlsContext context{SSL_CTX_new(method), SSL_CTX_free};
  if (!context) return context;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // Partial and moving writes: what a slow peer did not take is sent later from another buffer.
  // Released buffers: an idle connection then keeps no 34 KiB of them.
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_read_ahead(context.get(), 1);
  return context;
}

bool use_files(SSL_CTX* context, const std::string& certificate, const std::string& key,
               std::string& error) {
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    error = "certificate " + certificate + ": " + last_error();
    return false;
  }
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    error = "key " + key + ": " + last_error();
    return false;
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    error = "key " + key + " does not belong to certificate " + certificate;
    return false;
  }
  return true;
}

// We speak HTTP/1.1 only: a client that insists on something else is told so in the handshake.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned in_size, void*) {
  static const unsigned char ours[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, ours, sizeof ours - 1, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

bool is_address(const std::string& host) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace

TlsContext make_server_context(const config::ListenerTls& files, std::string& error) {
  TlsContext context = make_context(TLS_server_method());
  if (!context) {
    error = "out of memory";
    return nullptr;
  }
  if (!use_files(context.get(), files.certificate, files.key, error)) return nullptr;
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  SSL_CTX_set_session_id_context(context.get(),
                                 reinterpret_cast<const unsigned char*>("understudy"), 10);
  if (!files.client_ca.empty()) {
    if (SSL_CTX_load_verify_locations(context.get(), files.client_ca.c_str(), nullptr) != 1) {
      error = "client_ca " + files.client_ca + ": " + last_error();
      return nullptr;
    }
    SSL_CTX_set_client_CA_list(context.get(), SSL_load_client_CA_file(files.client_ca.c_str()));
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return context;
}

TlsContext make_client_context(const config::EndpointTls& files, std::string& error) {
  TlsContext context = make_context(TLS_client_method());
  if (!context) {
    error = "out of memory";
    return nullptr;
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  const bool loaded = files.ca.empty() ? SSL_CTX_set_default_verify_paths(context.get()) == 1
                                       : SSL_CTX_load_verify_locations(
                                             context.get(), files.ca.c_str(), nullptr) == 1;
  if (!loaded) {
    error =
        "ca " + (files.ca.empty() ? std::string{"(system roots)"} : files.ca) + ": " + last_error();
    return nullptr;
  }
  if (!files.certificate.empty() && !use_files(context.get(), files.certificate, files.key, error))
    return nullptr;
  return context;
}

ssl_st* make_server_ssl(const TlsContext& context) {
  SSL* ssl = SSL_new(context.get());
  if (ssl) SSL_set_accept_state(ssl);
  return ssl;
}

ssl_st* make_client_ssl(const TlsContext& context, const std::string& server_name) {
  SSL* ssl = SSL_new(context.get());
  if (!ssl) return nullptr;
  SSL_set_connect_state(ssl);
  if (is_address(server_name)) {  // no SNI for addresses (RFC 6066 section 3)
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), server_name.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl, server_name.c_str());
    SSL_set1_host(ssl, server_name.c_str());
  }
  return ssl;
}

std::string handshake_error(ssl_st* ssl) {
  const long verify = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
  if (verify != X509_V_OK) {
    ERR_clear_error();
    return X509_verify_cert_error_string(verify);
  }
  return last_error();
}

}  // namespace transport
