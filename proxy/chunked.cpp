#include "proxy/chunked.hpp"

#include <algorithm>

namespace proxy {
namespace {

constexpr std::uint64_t most_size = (std::uint64_t{1} << 63) - 1;
constexpr int most_digits = 16;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool is_control(char c) {  // HTAB excepted
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

bool is_token_char(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return c != '\0' && std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}

}  // namespace

std::string_view to_string(ChunkedError error) {
  switch (error) {
    case ChunkedError::none:
      return "none";
    case ChunkedError::bad_size:
      return "a chunk size is not a hexadecimal number";
    case ChunkedError::size_overflow:
      return "a chunk size is too large";
    case ChunkedError::bare_line_end:
      return "a line of the chunked body does not end with CRLF";
    case ChunkedError::bad_data_end:
      return "the data of a chunk does not end with CRLF";
    case ChunkedError::bad_extension:
      return "a chunk extension holds a control character";
    case ChunkedError::extension_limit:
      return "the chunk extensions are too long";
    case ChunkedError::bad_trailer:
      return "a trailer field is malformed";
    case ChunkedError::trailer_limit:
      return "the trailer section is too large";
  }
  return "?";
}

ChunkedDecoder::Step ChunkedDecoder::next(std::string_view input) {
  std::size_t at = 0;
  while (at < input.size() && state_ != State::done && state_ != State::failed) {
    if (state_ == State::data) {
      const std::size_t count =
          static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size() - at));
      remaining_ -= count;
      body_bytes_ += count;
      if (remaining_ == 0) state_ = State::data_cr;
      return {at + count, input.substr(at, count), Status::data};
    }
    step(input[at++]);
  }
  if (state_ == State::done) return {at, {}, Status::done};
  if (state_ == State::failed) return {at, {}, Status::error};
  return {at, {}, Status::need_more};
}

void ChunkedDecoder::step(char c) {
  switch (state_) {
    case State::size_first:
    case State::size:
    case State::before_ext:
      return step_size(c);
    case State::extension:
    case State::quoted:
    case State::quoted_pair:
      return step_extension(c);
    case State::size_lf:
      return c == '\n' ? end_of_size_line() : fail(ChunkedError::bare_line_end);
    case State::data_cr:
      state_ = State::data_lf;
      return c == '\r' ? void() : fail(ChunkedError::bad_data_end);
    case State::data_lf:
      state_ = State::size_first;
      return c == '\n' ? void() : fail(ChunkedError::bad_data_end);
    case State::trailer_start:
    case State::trailer_name:
    case State::trailer_value:
    case State::trailer_lf:
    case State::final_lf:
      return step_trailer(c);
    case State::data:  // next() deals with these
    case State::done:
    case State::failed:
      return;
  }
}

void ChunkedDecoder::step_size(char c) {
  const int value = hex_value(c);
  if (state_ == State::size_first) {
    if (value < 0) return fail(ChunkedError::bad_size);
    remaining_ = static_cast<std::uint64_t>(value);
    digits_ = 1;
    state_ = State::size;
    return;
  }
  if (c == '\n') return fail(ChunkedError::bare_line_end);
  if (state_ == State::size && value >= 0) {
    if (++digits_ > most_digits || remaining_ > (most_size >> 4))
      return fail(ChunkedError::size_overflow);
    remaining_ = (remaining_ << 4) | static_cast<std::uint64_t>(value);
    return;
  }
  if (state_ == State::size && c == '\r') {
    state_ = State::size_lf;
    return;
  }
  // Blanks are part of the grammar only in front of ';' (BWS): "5 " before CRLF is no chunk size.
  if (c == ';') {
    state_ = State::extension;
  } else if (is_blank(c)) {
    state_ = State::before_ext;
  } else {
    return fail(ChunkedError::bad_size);
  }
  count_extension();
}

void ChunkedDecoder::step_extension(char c) {
  if (state_ == State::extension && c == '\r') {
    state_ = State::size_lf;
    return;
  }
  if (state_ == State::extension && c == '\n') return fail(ChunkedError::bare_line_end);
  if (is_control(c)) return fail(ChunkedError::bad_extension);
  if (state_ == State::quoted_pair) {
    state_ = State::quoted;
  } else if (state_ == State::quoted && c == '\\') {
    state_ = State::quoted_pair;
  } else if (c == '"') {
    state_ = state_ == State::quoted ? State::extension : State::quoted;
  }
  count_extension();
}

// Extensions are work for us and worth nothing to anybody: many small chunks with a long extension
// each would otherwise make the overhead any multiple of the body.
void ChunkedDecoder::count_extension() {
  ++line_extension_;
  ++extension_bytes_;
  if (line_extension_ > max_extension || extension_bytes_ > free_extensions + body_bytes_)
    fail(ChunkedError::extension_limit);
}

void ChunkedDecoder::end_of_size_line() {
  line_extension_ = 0;
  state_ = remaining_ == 0 ? State::trailer_start : State::data;
}

void ChunkedDecoder::step_trailer(char c) {
  if (++trailer_bytes_ > max_trailer_bytes) return fail(ChunkedError::trailer_limit);
  switch (state_) {
    case State::trailer_start:
      if (c == '\r') {
        state_ = State::final_lf;
      } else if (c == '\n') {
        fail(ChunkedError::bare_line_end);
      } else if (!is_token_char(c)) {
        fail(ChunkedError::bad_trailer);
      } else if (++trailer_fields_ > max_trailer_fields) {
        fail(ChunkedError::trailer_limit);
      } else {
        state_ = State::trailer_name;
      }
      return;
    case State::trailer_name:
      if (c == ':') {
        state_ = State::trailer_value;
      } else if (!is_token_char(c)) {
        fail(ChunkedError::bad_trailer);
      }
      return;
    case State::trailer_value:
      if (c == '\r') {
        state_ = State::trailer_lf;
      } else if (c == '\n') {
        fail(ChunkedError::bare_line_end);
      } else if (is_control(c)) {
        fail(ChunkedError::bad_trailer);
      }
      return;
    case State::trailer_lf:
      state_ = State::trailer_start;
      if (c != '\n') fail(ChunkedError::bare_line_end);
      return;
    default:  // final_lf
      state_ = State::done;
      if (c != '\n') fail(ChunkedError::bare_line_end);
      return;
  }
}

void ChunkedDecoder::fail(ChunkedError error) {
  state_ = State::failed;
  error_ = error;
}

}  // namespace proxy
