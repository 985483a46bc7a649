#include "durable/query.hpp"

#include <algorithm>
#include <utility>

#include "durable/text.hpp"

namespace durable {
namespace {

// Where the query begins, behind the '?'; target.size() when there is none. A '#' has no place in a
// request target, and what an app makes of one differs: for us it is part of a value.
std::size_t query_begin(std::string_view target) {
  const std::size_t mark = target.find('?');
  return mark == std::string_view::npos ? target.size() : mark + 1;
}

// What becomes of one parameter.
struct Fate {
  QueryEdit::Change change = QueryEdit::Change::keep;
  std::string_view value;
};

class Editor {
 public:
  Editor(std::string_view target, const QueryEdit& edit) : target_{target}, edit_{edit} {}

  std::optional<std::string> run() {
    const std::size_t begin = query_begin(target_);
    const bool has_query = begin > 0 && begin <= target_.size() && target_[begin - 1] == '?';
    out_.reserve(target_.size() + 64);
    out_ = target_.substr(0, has_query ? begin - 1 : begin);
    bool first = true, open = false;  // open: the last parameter is empty
    for (Parameters each{target_, begin, target_.size()}; has_query && each.next();) {
      const Fate fate = fate_of(each.name());
      if (fate.change == QueryEdit::Change::drop) continue;
      out_ += first ? '?' : '&';
      first = false;
      open = each.begin() == each.end();
      if (fate.change == QueryEdit::Change::keep) {
        out_ += target_.substr(each.begin(), each.end() - each.begin());
      } else {
        out_.append(each.name()).append("=").append(percent_encode(fate.value));
      }
    }
    if (edit_.code_to_set && !code_is_set_) {
      if (!open) out_ += first ? '?' : '&';
      out_.append("code=").append(percent_encode(*edit_.code_to_set));
    }
    if (out_ == target_) return {};
    return std::move(out_);
  }

 private:
  Fate fate_of(std::string_view name) {
    using enum QueryEdit::Change;
    if (is_encoded_word(name, "code")) {
      if (edit_.code_to_set && !std::exchange(code_is_set_, true))
        return {replace, *edit_.code_to_set};
      return {edit_.code_to_set || edit_.drop_code ? drop : keep, {}};
    }
    if (is_encoded_word(name, "taskhub")) return {edit_.task_hub, edit_.task_hub_value};
    if (is_encoded_word(name, "connection")) return {edit_.connection, edit_.connection_value};
    return {};
  }

  std::string_view target_;
  const QueryEdit& edit_;
  std::string out_;
  bool code_is_set_ = false;
};

}  // namespace

Parameters::Parameters(std::string_view text, std::size_t begin, std::size_t end)
    : text_{text.substr(0, end)}, begin_{begin}, end_{begin}, last_{end}, name_end_{begin} {}

bool Parameters::next() {
  if (!first_ && end_ == last_) return false;
  begin_ = end_ + (first_ ? 0 : 1);
  first_ = false;
  end_ = std::min(text_.find('&', begin_), last_);
  name_end_ = begin_ + std::min(text_.substr(begin_, end_ - begin_).find('='), end_ - begin_);
  return true;
}

std::optional<std::string> edit_query(std::string_view target, const QueryEdit& edit) {
  if (!edit.code_to_set && target.find('?') == std::string_view::npos) return {};
  return Editor{target, edit}.run();
}

std::optional<std::string_view> find_parameter(std::string_view target,
                                               std::string_view lower_case_name) {
  const std::size_t begin = query_begin(target);
  if (begin == target.size()) return {};
  for (Parameters each{target, begin, target.size()}; each.next();)
    if (is_encoded_word(each.name(), lower_case_name)) return each.value();
  return {};
}

std::string percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
                        hex_value(text[i + 2]) >= 0;
    out +=
        escape ? static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])) : text[i];
    if (escape) i += 2;
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool bare = (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' ||
                      c == '.' || c == '_' || c == '~';
    const auto byte = static_cast<unsigned char>(c);
    if (bare)
      out += c;
    else
      out.append({'%', digits[byte >> 4], digits[byte & 15]});
  }
  return out;
}

bool is_encoded_word(std::string_view raw, std::string_view lower_case_word) {
  if (raw.size() == lower_case_word.size()) return same_word(raw, lower_case_word);
  if (raw.size() < lower_case_word.size() || raw.size() > 3 * lower_case_word.size()) return false;
  return raw.find('%') != std::string_view::npos && same_word(percent_decode(raw), lower_case_word);
}

}  // namespace durable
