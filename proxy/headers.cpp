#include "proxy/headers.hpp"

#include <algorithm>
#include <charconv>

#include "proxy/cookies.hpp"

namespace proxy {
namespace {

// Copies the kept lines of a head in as few pieces as possible: lines are contiguous in the input.
template <class Keep>
void copy_lines(Writer& out, const FieldList& fields, const char* fields_end, Keep keep) {
  const char* run = nullptr;
  for (std::size_t i = 0; i < fields.count; ++i) {
    const char* start = fields.items[i].name.data();
    if (keep(fields.items[i])) {
      if (!run) run = start;
    } else if (run) {
      out.add(std::string_view{run, static_cast<std::size_t>(start - run)});
      run = nullptr;
    }
  }
  if (run) out.add(std::string_view{run, static_cast<std::size_t>(fields_end - run)});
}

// `name` holds its colon and space, so that a constant name is one copy.
template <std::size_t N>
void add_line(Writer& out, const char (&name)[N], std::string_view value) {
  out.add(name, value, "\r\n");
}

// The values of all fields with this name, as one list; what a trusted proxy told us.
void add_values(Writer& out, const FieldList& fields, FieldName id) {
  for (const Field& field : fields) {
    if (field.id != id || field.value.empty()) continue;
    out.add(field.value, ", ");
  }
}

// Whether a client takes gzip; `other`: also codings that this proxy cannot undo.
bool offers_gzip(std::string_view codings, bool& other) {
  bool gzip = false;
  while (!codings.empty()) {
    std::string_view item = codings.substr(0, codings.find(','));
    codings.remove_prefix(std::min(item.size() + 1, codings.size()));
    const std::size_t zero = item.find("q=0");
    const bool refused = zero != std::string_view::npos &&
                         item.find_first_of("123456789", zero) == std::string_view::npos;
    item = item.substr(0, item.find(';'));
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
    if (equal_ignoring_case(item, "gzip")) {
      gzip = gzip || !refused;
    } else if (!item.empty() && !equal_ignoring_case(item, "deflate") &&
               !equal_ignoring_case(item, "identity")) {
      other = true;
    }
  }
  return gzip;
}

void add_forwarded(Writer& out, const RequestHead& head, const RequestFraming& framing,
                   const ClientFacts& client) {
  const FieldList& fields = head.fields;
  const std::string_view proto = client.tls ? "https" : "http";
  out.add("X-Forwarded-For: ");
  if (client.trusted) add_values(out, fields, FieldName::x_forwarded_for);
  out.add(client.address, "\r\n");
  // A trusted proxy saw the client's own host and scheme; ours would only name that proxy's view.
  if (!client.trusted || !find_field(fields, FieldName::x_forwarded_host))
    if (!framing.host.empty()) add_line(out, "X-Forwarded-Host: ", framing.host);
  if (!client.trusted || !find_field(fields, FieldName::x_forwarded_proto))
    add_line(out, "X-Forwarded-Proto: ", proto);

  out.add("Forwarded: ");  // RFC 7239
  if (client.trusted) add_values(out, fields, FieldName::forwarded);
  if (client.v6) {
    out.add("for=\"[", client.address, "]\"");
  } else {
    out.add("for=", client.address);
  }
  if (!framing.host.empty())  // quoted: a port's colon is no token character
    out.add(";host=\"", framing.host, "\"");
  out.add(";proto=", proto, "\r\n");
}

}  // namespace

void Writer::add_number(std::uint64_t number, int base) {
  const auto done = std::to_chars(at_, end_, number, base);
  if (done.ec == std::errc{})
    at_ = done.ptr;
  else
    overflow_ = true;
}

void write_request_head(Writer& out, const RequestHead& head, const RequestFraming& framing,
                        const RequestRewrite& rewrite) {
  const config::Endpoint& endpoint = *rewrite.endpoint;
  const bool trusted = rewrite.client.trusted;
  const auto& secret = endpoint.secret_header;
  bool traced = false, edit_cookies = false;
  bool gzip = false, other_coding = false;
  if (rewrite.readable_answer)
    for (const Field& field : head.fields)
      if (field.id == FieldName::accept_encoding && offers_gzip(field.value, other_coding))
        gzip = true;

  const bool asterisk = rewrite.path.size() == 1 && rewrite.path[0] == '*';
  const std::string_view base = asterisk ? std::string_view{} : endpoint.url.base_path;
  out.add(head.method, " ", base, rewrite.path, " HTTP/1.1\r\nHost: ", rewrite.host_line_value,
          "\r\n");

  copy_lines(out, head.fields, head.fields_end, [&](const Field& field) {
    switch (field.id) {
      case FieldName::connection:
      case FieldName::keep_alive:
      case FieldName::proxy_connection:
      case FieldName::proxy_authorization:
      case FieldName::te:
      case FieldName::trailer:
      case FieldName::transfer_encoding:
      case FieldName::upgrade:
      case FieldName::host:
      case FieldName::client_only:
      case FieldName::x_forwarded_for:
      case FieldName::forwarded:
        return false;
      case FieldName::x_forwarded_host:
      case FieldName::x_forwarded_proto:
        return trusted;
      case FieldName::content_length:  // framing, whatever Connection says of it
        return true;
      case FieldName::functions_key:
        if (rewrite.drop_functions_key) return false;
        break;
      case FieldName::traceparent:
        traced = true;
        break;
      case FieldName::accept_encoding:
        if (other_coding) return false;
        break;
      case FieldName::cookie:
        if (rewrite.own_cookie.empty() || !holds_cookie(field.value, rewrite.own_cookie)) break;
        edit_cookies = true;
        return false;
      case FieldName::expect:
        // Only an HTTP/1.1 client can be sent the interim answer (RFC 9110 section 10.1.1).
        if (!framing.expect_continue) return false;
        break;
      default:
        break;
    }
    if (framing.names_fields && named_by_connection(head.fields, field.name)) return false;
    for (const std::string_view name : rewrite.lock_names)
      if (equal_ignoring_case(field.name, name)) return false;
    return true;
  });

  if (edit_cookies && !(framing.names_fields && named_by_connection(head.fields, "cookie")))
    for (const Field& field : head.fields)
      if (field.id == FieldName::cookie && holds_cookie(field.value, rewrite.own_cookie))
        write_cookies_without(out, field, rewrite.own_cookie);
  if (framing.body == BodyKind::chunked) out.add("Transfer-Encoding: chunked\r\n");
  if (framing.upgrade) {
    out.add("Connection: Upgrade\r\n");
    add_line(out, "Upgrade: ", framing.upgrade_value);
  }
  add_forwarded(out, head, framing, rewrite.client);
  add_line(out, "Via: ", rewrite.via);
  if (!traced && !rewrite.traceparent.empty()) add_line(out, "traceparent: ", rewrite.traceparent);
  if (other_coding) add_line(out, "Accept-Encoding: ", gzip ? "gzip" : "identity");
  if (!rewrite.functions_key.empty()) add_line(out, "x-functions-key: ", rewrite.functions_key);
  if (secret) {
    out.add(secret->name);
    add_line(out, ": ", secret->value);
  }
  out.add("\r\n");
}

void write_response_head(Writer& out, const ResponseHead& head, const ResponseFraming& framing,
                         const ResponseRewrite& rewrite) {
  char first[] = "HTTP/1.1 000 ";  // a status has three digits
  for (int i = 11, rest = head.status; i > 8; --i, rest /= 10)
    first[i] = static_cast<char>('0' + rest % 10);
  out.add(first, head.reason, "\r\n");
  bool dated = false;
  // RFC 9110 section 8.6: no Content-Length in 1xx and 204, whatever the upstream said.
  const bool no_length = rewrite.drop_length || head.status < 200 || head.status == 204;
  copy_lines(out, head.fields, head.fields_end, [&](const Field& field) {
    switch (field.id) {
      case FieldName::connection:
      case FieldName::keep_alive:
      case FieldName::proxy_connection:
      case FieldName::te:
      case FieldName::trailer:
      case FieldName::transfer_encoding:
        return false;
      case FieldName::upgrade:
        return rewrite.switching;
      case FieldName::content_length:
        return !no_length;
      case FieldName::content_encoding:
        if (rewrite.drop_coding) return false;
        break;
      case FieldName::location:
        return rewrite.location.empty();
      case FieldName::set_cookie:
        if (!rewrite.cookies.empty()) return false;
        if (!rewrite.own_cookie.empty() && sets_cookie(field.value, rewrite.own_cookie))
          return false;
        break;
      case FieldName::date:
        dated = true;
        break;
      default:
        break;
    }
    return !framing.names_fields || rewrite.switching ||
           !named_by_connection(head.fields, field.name);
  });
  if (!rewrite.location.empty()) add_line(out, "Location: ", rewrite.location);
  out.add(rewrite.cookies);
  if (rewrite.has_length) {
    out.add("Content-Length: ");
    out.add_number(rewrite.length);
    out.add("\r\n");
  }
  if (rewrite.chunked) out.add("Transfer-Encoding: chunked\r\n");
  if (rewrite.switching) {
    out.add("Connection: Upgrade\r\n");
  } else if (rewrite.close) {
    out.add("Connection: close\r\n");
  } else if (rewrite.keep_alive_note) {
    out.add("Connection: keep-alive\r\n");
  }
  if (!dated && head.status >= 200 && !rewrite.date.empty()) add_line(out, "Date: ", rewrite.date);
  out.add(rewrite.extra);
  out.add("\r\n");
}

}  // namespace proxy
