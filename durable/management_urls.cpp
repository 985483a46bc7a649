#include "durable/management_urls.hpp"

#include <algorithm>
#include <utility>

#include "durable/json_text.hpp"
#include "durable/query.hpp"
#include "durable/status_tokens.hpp"
#include "durable/text.hpp"
#include "durable/url_edit.hpp"

namespace durable {
namespace {

constexpr std::string_view marker = "statusquerygeturi";

// Walks over one JSON text and copies it with its URLs edited. It accepts a little more than JSON
// (numbers and words are not looked into), but never loses track of what is a string.
class Walker {
 public:
  Walker(std::string_view body, const UrlRewrite& rewrite, std::string payload_instance)
      : body_{body}, editor_{rewrite, UrlEditor::Place::payload, std::move(payload_instance)} {}

  std::optional<Payload> read() {
    if (body_.substr(0, 3) == "\xef\xbb\xbf") at_ = 3;
    skip_blanks();
    if (at_ >= body_.size() || body_[at_] != '{') return {};
    if (!walk() || !has_marker_) return {};
    if (copied_ > 0) payload_.body.append(body_.substr(copied_));
    return std::move(payload_);
  }

 private:
  enum class Expect { key, key_or_end, colon, value, value_or_end, comma_or_end };
  enum class Key { other, status_url, id };  // the last one of the top-level object

  void skip_blanks() {
    while (at_ < body_.size() &&
           (body_[at_] == ' ' || body_[at_] == '\t' || body_[at_] == '\n' || body_[at_] == '\r'))
      ++at_;
  }

  // NOLINTNEXTLINE(readability-function-cognitive-complexity): one switch over what may follow
  bool walk() {
    Expect expect = Expect::value;
    for (;;) {
      skip_blanks();
      if (at_ >= body_.size()) return open_.empty() && expect == Expect::comma_or_end;
      if (open_.empty() && expect == Expect::comma_or_end) return false;  // something follows
      const char c = body_[at_];
      switch (expect) {
        case Expect::key_or_end:
        case Expect::key:
          if (c == '}' && expect == Expect::key_or_end) {
            if (!close('{')) return false;
            expect = Expect::comma_or_end;
          } else {
            if (!take_key()) return false;
            expect = Expect::colon;
          }
          break;
        case Expect::colon:
          if (c != ':') return false;
          ++at_;
          expect = Expect::value;
          break;
        case Expect::value_or_end:
        case Expect::value:
          if (c == ']' && expect == Expect::value_or_end) {
            if (!close('[')) return false;
            expect = Expect::comma_or_end;
          } else if (!take_value(c, expect)) {
            return false;
          }
          break;
        case Expect::comma_or_end:
          if (c == ',') {
            ++at_;
            expect = open_.back() == '{' ? Expect::key : Expect::value;
          } else if (!((c == '}' && close('{')) || (c == ']' && close('[')))) {
            return false;
          }
          break;
      }
    }
  }

  bool close(char opened_by) {
    if (open_.empty() || open_.back() != opened_by) return false;
    open_.pop_back();
    ++at_;
    return true;
  }

  bool take_value(char c, Expect& expect) {
    expect = Expect::comma_or_end;
    if (c == '{' || c == '[') {
      if (open_.size() == most_json_depth) return false;
      open_ += c;
      ++at_;
      expect = c == '{' ? Expect::key_or_end : Expect::value_or_end;
      return true;
    }
    if (c == '"') return take_text();
    const std::size_t begin = at_;  // a number, true, false or null
    while (at_ < body_.size() &&
           (std::string_view{"+-.0123456789"}.find(body_[at_]) != std::string_view::npos ||
            (lower(body_[at_]) >= 'a' && lower(body_[at_]) <= 'z')))
      ++at_;
    return at_ > begin;
  }

  // One string; `begin` and `end` are its places between the quotes.
  bool take_string(std::size_t& begin, std::size_t& end, bool& has_escapes) {
    if (body_[at_] != '"') return false;
    begin = ++at_;
    has_escapes = false;
    for (;;) {
      at_ += plain_run(body_.substr(at_));
      if (at_ >= body_.size()) return false;
      if (body_[at_] == '"') break;
      if (body_[at_] != '\\') return false;  // a control character
      has_escapes = true;
      const std::size_t length = json_escape_length(body_.substr(at_));
      if (length == 0) return false;
      at_ += length;
    }
    end = at_++;
    return true;
  }

  bool take_key() {
    std::size_t begin = 0, end = 0;
    bool has_escapes = false;
    if (!take_string(begin, end, has_escapes)) return false;
    if (open_.size() != 1) return true;
    text_.assign(body_.substr(begin, end - begin), has_escapes);
    key_ = Key::other;
    if (same_word(text_.text(), "id")) {
      key_ = Key::id;
      payload_.instance_id.clear();  // of two equal keys the last one counts, as for most readers
    } else if (same_word(text_.text(), marker)) {
      key_ = Key::status_url;
      has_marker_ = true;
      payload_.url_id.clear();
    }
    return true;
  }

  bool take_text() {
    std::size_t begin = 0, end = 0;
    bool has_escapes = false;
    if (!take_string(begin, end, has_escapes)) return false;
    const std::string_view raw = body_.substr(begin, end - begin);
    const Key key = open_.size() == 1 ? key_ : Key::other;
    const char first = raw.empty() ? '\0' : raw.front();
    const bool may_be_url = first == '/' || first == '\\' || lower(first) == 'h';
    if (!may_be_url && key == Key::other) return true;
    text_.assign(raw, has_escapes);
    if (key == Key::id) payload_.instance_id = text_.text();
    if (key == Key::status_url) payload_.url_id = durable_path(url_path(text_.text())).instance_id;
    for (const UrlEdit& edit : editor_.edits(text_.text())) {
      if (payload_.body.empty()) payload_.body.reserve(body_.size() + 512);
      const std::size_t from = begin + text_.raw_position(edit.begin);
      payload_.body.append(body_.substr(copied_, from - copied_));
      append_json_escaped(payload_.body, edit.text);
      copied_ = begin + text_.raw_position(edit.end);
    }
    return true;
  }

  std::string_view body_;
  UrlEditor editor_;
  JsonText text_;
  Payload payload_;
  std::string open_;  // brackets not closed yet
  std::size_t at_ = 0;
  std::size_t copied_ = 0;  // bytes of the body that are in the payload's or replaced
  Key key_ = Key::other;
  bool has_marker_ = false;
};

}  // namespace

std::optional<Payload> read_payload(std::string_view body, const UrlRewrite& rewrite) {
  std::string instance;
  if (rewrite.tokens != nullptr) {  // known before the first URL, wherever the key stands
    const UrlRewrite nothing;
    const auto unchanged = Walker{body, nothing, {}}.read();
    if (!unchanged) return {};
    instance = canonical_id(unchanged->url_id);
  }
  return Walker{body, rewrite, std::move(instance)}.read();
}

std::optional<std::string> rewrite_location(std::string_view value, const UrlRewrite& rewrite) {
  UrlEditor editor{rewrite, UrlEditor::Place::location};
  const auto edits = editor.edits(value);
  if (edits.empty()) return {};
  std::string out;
  std::size_t copied = 0;
  for (const UrlEdit& edit : edits) {
    out.append(value.substr(copied, edit.begin - copied));
    for (const char c : edit.text)
      if (static_cast<unsigned char>(c) >= 0x20) out += c;
    copied = edit.end;
  }
  out.append(value.substr(copied));
  return out;
}

}  // namespace durable
