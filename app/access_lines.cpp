#include "app/access_lines.hpp"

#include <charconv>
#include <cstring>
#include <ctime>
#include <string>

#include "config/copy_short.hpp"
#include "proxy/problem.hpp"

namespace app {
namespace {

constexpr std::size_t longest_name = 128;

template <std::size_t N>
char* put(char* at, const char (&literal)[N]) {
  std::memcpy(at, literal, N - 1);
  return at + N - 1;
}

char* put(char* at, std::string_view text) {
  config::copy_short(at, text.data(), text.size());
  return at + text.size();
}

char* put(char* at, std::uint64_t number) {
  return std::to_chars(at, at + 20, number).ptr;
}

// Microseconds as milliseconds with one decimal, rounded.
char* put_tenths(char* at, std::uint32_t micros) {
  const std::uint64_t tenths = (std::uint64_t{micros} + 50) / 100;
  at = put(at, tenths / 10);
  *at++ = '.';
  *at++ = static_cast<char>('0' + tenths % 10);
  return at;
}

// Microseconds as milliseconds, exactly: no more decimals than there are.
char* put_millis(char* at, std::uint32_t micros) {
  at = put(at, std::uint64_t{micros / 1000});
  const std::uint32_t rest = micros % 1000;
  if (rest == 0) return at;
  *at++ = '.';
  *at++ = static_cast<char>('0' + rest / 100);
  if (rest % 100 != 0) *at++ = static_cast<char>('0' + rest / 10 % 10);
  if (rest % 10 != 0) *at++ = static_cast<char>('0' + rest % 10);
  return at;
}

// A JSON string: no byte of the text can end it, or the line.
char* put_quoted(char* at, std::string_view text) {
  *at++ = '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\') {
      std::string escaped;
      proxy::append_json_escaped(escaped, text.substr(i));
      at = put(at, escaped);
      break;
    }
    *at++ = text[i];
  }
  *at++ = '"';
  return at;
}

template <std::size_t N>
char* put_member(char* at, const char (&key)[N], std::string_view text) {
  return text.empty() ? at : put_quoted(put(at, key), text);
}

}  // namespace

void AccessLines::add(const proxy::RequestRecord& record, const NameOf& name_of) {
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(batch + longest_line);
  char* at = buffer_.get() + size_;
  at = format_ == config::LogFormat::json ? add_json(at, record, name_of)
                                          : add_text(at, record, name_of);
  *at++ = '\n';
  size_ = static_cast<std::size_t>(at - buffer_.get());
}

// "2025-11-23T15:15:02.125Z"; most lines of a batch share their second.
char* AccessLines::add_time(char* at, std::int64_t wall_us) {
  const std::int64_t second = wall_us / 1'000'000;
  const auto millis = static_cast<unsigned>(wall_us / 1000 % 1000);
  if (second != second_) {
    second_ = second;
    const std::time_t time = second;
    tm parts{};
    ::gmtime_r(&time, &parts);
    std::strftime(stamp_.data(), stamp_.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  }
  std::memcpy(at, stamp_.data(), 19);
  at += 19;
  *at++ = '.';
  *at++ = static_cast<char>('0' + millis / 100);
  *at++ = static_cast<char>('0' + millis / 10 % 10);
  *at++ = static_cast<char>('0' + millis % 10);
  *at++ = 'Z';
  return at;
}

char* AccessLines::add_text(char* at, const proxy::RequestRecord& r, const NameOf& name_of) {
  const std::string_view endpoint = name_of(r.endpoint).substr(0, longest_name);
  at = put(add_time(at, r.wall_us), " access  ");
  at = put(put(at, r.client), " ");
  at = put(put(at, to_string(r.kind)), " ");
  at = put(put(at, r.method), " ");
  at = put(put_quoted(at, r.path), " -> ");
  at = put(put(at, std::uint64_t{r.status}), " ");
  at = put(put(at, endpoint.empty() ? std::string_view{"-"} : endpoint), " (");
  at = put(put(at, to_string(r.reason)), ") ");
  at = put(put_tenths(at, r.total_us), " ms [connect ");
  at = put(put_tenths(at, r.connect_us), ", first byte ");
  at = put(put_tenths(at, r.first_byte_us), "] in ");
  at = put(put(at, r.bytes_in), " out ");
  at = put(at, r.bytes_out);
  if (r.attempts > 1) at = put(put(at, " attempts "), std::uint64_t{r.attempts});
  for (std::size_t i = 0; i < r.failed.count; ++i) {
    const proxy::FailedAttempt& failed = r.failed.first[i];
    at = put(put(at, i == 0 ? std::string_view{" failed "} : ", "),
             name_of(failed.endpoint).substr(0, longest_name));
    at = put(put(at, " "), to_string(failed.kind));
  }
  if (r.client_aborted) at = put(at, " client aborted");
  if (r.unknown_outcome) at = put(at, " outcome unknown");
  if (const std::string_view trace = r.trace; !trace.empty()) at = put(put(at, " trace "), trace);
  const std::string_view note = r.note;
  return note.empty() ? at : put_quoted(put(at, " note "), note);
}

char* AccessLines::add_json(char* at, const proxy::RequestRecord& r, const NameOf& name_of) {
  const std::string_view endpoint = name_of(r.endpoint).substr(0, longest_name);
  at = put(add_time(put(at, "{\"at\":\""), r.wall_us), "\",\"kind\":\"access\"");
  at = put_member(at, ",\"client\":", r.client);
  at = put_member(at, ",\"requestKind\":", to_string(r.kind));
  at = put_member(at, ",\"method\":", r.method);
  at = put_member(at, ",\"path\":", r.path);
  at = put(put(at, ",\"status\":"), std::uint64_t{r.status});
  at = put_member(at, ",\"endpoint\":", endpoint);
  at = put_member(at, ",\"reason\":", to_string(r.reason));
  at = put(put(at, ",\"attempts\":"), std::uint64_t{r.attempts});
  at = put_millis(put(at, ",\"totalMs\":"), r.total_us);
  at = put_millis(put(at, ",\"connectMs\":"), r.connect_us);
  at = put_millis(put(at, ",\"firstByteMs\":"), r.first_byte_us);
  at = put(put(at, ",\"bytesIn\":"), r.bytes_in);
  at = put(put(at, ",\"bytesOut\":"), r.bytes_out);
  if (r.failed.count > 0) at = put(at, ",\"failed\":[");
  for (std::size_t i = 0; i < r.failed.count; ++i) {
    const proxy::FailedAttempt& failed = r.failed.first[i];
    at = put(at, i == 0 ? std::string_view{"{\"endpoint\":"} : ",{\"endpoint\":");
    at = put_quoted(at, name_of(failed.endpoint).substr(0, longest_name));
    at = put(put_member(at, ",\"how\":", to_string(failed.kind)),
             i + 1 == r.failed.count ? std::string_view{"}]"} : "}");
  }
  if (r.client_aborted) at = put(at, ",\"clientAborted\":true");
  if (r.unknown_outcome) at = put(at, ",\"outcomeUnknown\":true");
  at = put_member(at, ",\"trace\":", r.trace);
  at = put_member(at, ",\"note\":", r.note);
  *at++ = '}';
  return at;
}

}  // namespace app
