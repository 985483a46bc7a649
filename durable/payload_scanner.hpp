// Tells as early as possible whether a JSON answer can be a check-status payload: an object with
// the key statusQueryGetUri, in any letter case, at its top level. The data path holds an answer
// back only while this is undecided, so that other JSON streams through untouched.
// A scanner belongs to one answer; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace durable {

// What the first bytes of a JSON answer allow; a few hundred instructions for 1 KiB. False: it is
// no such payload, forward it. True: it may be one. `whole`: nothing follows these bytes.
bool may_be_payload(std::string_view first_bytes, bool whole);

// The same for a body that arrives in pieces.
class PayloadScanner {
 public:
  enum class Verdict : std::uint8_t {
    undecided,
    payload,     // the key was seen; whether the rest is JSON is for read_payload to say
    no_payload,  // no object, a complete object without the key, or something that is not JSON
  };
  // The verdict on everything fed so far; once decided it stays.
  Verdict feed(std::string_view piece);
  Verdict verdict() const { return verdict_; }

 private:
  enum class State : std::uint8_t {
    start,       // blanks and a byte order mark
    before_key,  // inside the top-level object, outside of its values
    key,
    key_escape,   // behind a backslash
    key_unicode,  // inside \uXXXX
    value,        // a value of the top-level object and everything below it
    text,         // a string in there
    text_escape,
  };

  void step(char c);
  void match(char c);

  Verdict verdict_ = Verdict::undecided;
  State state_ = State::start;
  std::uint8_t bom_ = 0;       // bytes of the byte order mark seen
  std::uint8_t matched_ = 0;   // characters of the marker; no_match: another key
  std::uint8_t digits_ = 0;    // of \uXXXX
  std::uint16_t unicode_ = 0;  // their value
  std::uint32_t depth_ = 0;
};

}  // namespace durable
