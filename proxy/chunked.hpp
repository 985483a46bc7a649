// Strict incremental decoder of the chunked transfer coding (RFC 9112 section 7.1), for requests
// and responses alike. Pure and zero-copy: the decoded bytes are views into the caller's input. The
// proxy never passes chunked framing through: it decodes here and writes its own, so what a lenient
// peer would read differently never leaves this process.
// One per message, owned by whoever relays that message; not shared between threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace proxy {

enum class ChunkedError {
  none,
  bad_size,         // not 1*HEXDIG, or something other than an extension or CRLF after it
  size_overflow,    // 2^63 or more, or more than 16 digits
  bare_line_end,    // LF without CR before it, or CR without LF after it
  bad_data_end,     // the data of a chunk is not followed by CRLF
  bad_extension,    // a control character in an extension
  extension_limit,  // an extension is too long, or there is more of them than data
  bad_trailer,      // not "token:value", folded, or with a control character
  trailer_limit,    // too many bytes or fields after the last chunk
};
std::string_view to_string(ChunkedError);

class ChunkedDecoder {
 public:
  static constexpr std::size_t max_extension = 256;       // bytes of extensions in one chunk line
  static constexpr std::uint64_t free_extensions = 4096;  // in all, plus one per byte of data
  static constexpr std::size_t max_trailer_bytes = 8 * 1024;
  static constexpr std::size_t max_trailer_fields = 100;

  enum class Status {
    need_more,  // all of the input was consumed
    data,       // `data` is the next piece of the body; call again with the rest
    done,       // the message is complete; the rest of the input belongs to the next message
    error,      // close the connection: where the message ends can no longer be known
  };
  struct Step {
    std::size_t consumed = 0;  // bytes of the input that are dealt with, `data` included
    std::string_view data;     // into the input; empty unless status is data
    Status status = Status::need_more;
  };

  // Works through the front of `input`. The result does not depend on how the bytes were split.
  Step next(std::string_view input);

  bool done() const { return state_ == State::done; }
  ChunkedError error() const { return error_; }
  std::uint64_t body_bytes() const { return body_bytes_; }      // decoded so far
  std::uint64_t chunk_remaining() const { return remaining_; }  // known to follow in this chunk

 private:
  enum class State : std::uint8_t {
    size_first,     // the first digit of a size
    size,           // further digits
    before_ext,     // blanks between the size and ';'
    extension,      // after ';', outside quotes
    quoted,         // inside a quoted extension value
    quoted_pair,    // after a backslash inside quotes
    size_lf,        // after the CR of a chunk line
    data,           //
    data_cr,        // after the data
    data_lf,        //
    trailer_start,  // first character of a trailer line, or the final CR
    trailer_name,   //
    trailer_value,  //
    trailer_lf,     // after the CR of a trailer line
    final_lf,       // after the CR of the empty line
    done,
    failed,
  };

  void step(char c);       // one framing byte
  void step_size(char c);  // the parts of step(), by state
  void step_extension(char c);
  void step_trailer(char c);
  void fail(ChunkedError);
  void count_extension();
  void end_of_size_line();

  State state_ = State::size_first;
  ChunkedError error_ = ChunkedError::none;
  std::uint8_t digits_ = 0;
  std::uint16_t line_extension_ = 0;
  std::uint16_t trailer_fields_ = 0;
  std::uint32_t trailer_bytes_ = 0;
  std::uint64_t remaining_ = 0;
  std::uint64_t body_bytes_ = 0;
  std::uint64_t extension_bytes_ = 0;
};

}  // namespace proxy
