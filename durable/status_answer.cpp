#include "durable/status_answer.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>

#include "durable/text.hpp"

namespace durable {
namespace {

using Json = nlohmann::json;

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Exactly `count` digits at the front of `text`, taken off it.
std::optional<int> take_number(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!is_digit(text[i])) return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days{date};
}

std::optional<std::chrono::milliseconds> take_fraction(std::string_view& text) {
  std::chrono::milliseconds fraction{0};
  if (!take(text, '.')) return fraction;
  std::chrono::milliseconds unit{100};
  std::size_t digits = 0;
  for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1), ++digits) {
    fraction += unit * (text.front() - '0');
    unit /= 10;
  }
  if (digits == 0) return std::nullopt;
  return fraction;
}

// "Z", "+01:00", "-0330" or nothing; the whole rest of the text.
std::optional<std::chrono::minutes> take_offset(std::string_view text) {
  if (text.empty() || text == "Z" || text == "z") return std::chrono::minutes{0};
  const bool east = text.front() == '+';
  if (!east && text.front() != '-') return std::nullopt;
  text.remove_prefix(1);
  const auto hours = take_number(text, 2);
  take(text, ':');
  const auto minutes = take_number(text, 2);
  if (!hours || !minutes || *hours > 23 || *minutes > 59 || !text.empty()) return std::nullopt;
  const std::chrono::minutes offset{*hours * 60 + *minutes};
  return east ? offset : -offset;
}

void append_number(std::string& out, int value, std::size_t width) {
  const std::string digits = std::to_string(value);
  if (digits.size() < width) out.append(width - digits.size(), '0');
  out += digits;
}

// Takes four members of one object on the way past; everything else is only checked to be JSON.
class Reader : public nlohmann::json_sax<Json> {
 public:
  enum class Root { object, array };
  explicit Reader(Root root) : root_{root}, target_{root == Root::object ? 1U : 2U} {}

  bool root_seen = false;  // the text is of the expected kind so far
  bool complete = false;   // the object was read to its end
  bool has_status = false;
  StatusAnswer answer;

  bool null() override { return scalar(); }
  bool boolean(bool) override { return scalar(); }
  bool number_integer(std::int64_t) override { return scalar(); }
  bool number_unsigned(std::uint64_t) override { return scalar(); }
  bool number_float(double, const std::string&) override { return scalar(); }
  bool binary(Json::binary_t&) override { return scalar(); }
  bool string(std::string& value) override {
    if (depth_ == target_ && in_object_ && field_ != Field::other) keep(value);
    return scalar();
  }
  bool key(std::string& name) override {
    if (depth_ == target_ && in_object_) field_ = field_of(name);
    return true;
  }
  bool start_object(std::size_t) override {
    if (depth_ == 0 && root_ != Root::object) return false;
    if (depth_ == 0) root_seen = true;
    if (++depth_ == target_) in_object_ = true;
    field_ = Field::other;
    return true;
  }
  bool end_object() override {
    field_ = Field::other;
    if (depth_-- != target_ || !in_object_) return true;
    complete = true;
    in_object_ = false;
    return root_ == Root::object;  // the first element is enough
  }
  bool start_array(std::size_t) override {
    if (depth_ == 0 && root_ != Root::array) return false;
    if (depth_ == 0) root_seen = true;
    if (depth_ == 1 && root_ == Root::array) return false;  // an element that is no object
    ++depth_;
    field_ = Field::other;
    return true;
  }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) override {
    return false;
  }

 private:
  enum class Field { other, name, instance_id, runtime_status, created, updated };

  static Field field_of(std::string_view name) {
    if (same_word(name, "name")) return Field::name;
    if (same_word(name, "instanceid")) return Field::instance_id;
    if (same_word(name, "runtimestatus")) return Field::runtime_status;
    if (same_word(name, "createdtime")) return Field::created;
    if (same_word(name, "lastupdatedtime")) return Field::updated;
    return Field::other;
  }

  bool scalar() {
    field_ = Field::other;
    return depth_ != 0 && !(depth_ == 1 && root_ == Root::array);
  }

  void keep(std::string& value) {
    switch (field_) {
      case Field::name:
        answer.name = std::move(value);
        break;
      case Field::instance_id:
        answer.instance_id = std::move(value);
        break;
      case Field::runtime_status:
        answer.runtime_status = std::move(value);
        has_status = !answer.runtime_status.empty();
        break;
      case Field::created:
        answer.created_time = parse_wall_time(value);
        break;
      case Field::updated:
        answer.last_updated_time = parse_wall_time(value);
        break;
      case Field::other:
        break;
    }
  }

  const Root root_;
  const std::size_t target_;  // depth of the object's members
  std::size_t depth_ = 0;
  bool in_object_ = false;
  Field field_ = Field::other;
};

bool parse(std::string_view text, Reader& reader) {
  return Json::sax_parse(text.begin(), text.end(), &reader);
}

}  // namespace

std::optional<WallTime> parse_wall_time(std::string_view text) {
  const auto date = take_date(text);
  if (!date || !(take(text, 'T') || take(text, 't') || take(text, ' '))) return std::nullopt;
  const auto hours = take_number(text, 2);
  if (!hours || !take(text, ':')) return std::nullopt;
  const auto minutes = take_number(text, 2);
  if (!minutes || !take(text, ':')) return std::nullopt;
  const auto seconds = take_number(text, 2);
  const auto fraction = take_fraction(text);
  const auto offset = take_offset(text);
  if (!seconds || !fraction || !offset) return std::nullopt;
  if (*hours > 23 || *minutes > 59 || *seconds > 60) return std::nullopt;
  return WallTime{*date} + std::chrono::hours{*hours} + std::chrono::minutes{*minutes} +
         std::chrono::seconds{*seconds} + *fraction - *offset;
}

std::string wall_time_text(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{seconds - day};
  std::string text;
  append_number(text, static_cast<int>(date.year()), 4);
  text += '-';
  append_number(text, static_cast<int>(static_cast<unsigned>(date.month())), 2);
  text += '-';
  append_number(text, static_cast<int>(static_cast<unsigned>(date.day())), 2);
  text += 'T';
  append_number(text, static_cast<int>(clock.hours().count()), 2);
  text += ':';
  append_number(text, static_cast<int>(clock.minutes().count()), 2);
  text += ':';
  append_number(text, static_cast<int>(clock.seconds().count()), 2);
  text += 'Z';
  return text;
}

std::optional<StatusAnswer> parse_status_answer(std::string_view body) {
  Reader reader{Reader::Root::object};
  if (!parse(body, reader) || !reader.complete || !reader.has_status) return std::nullopt;
  return std::move(reader.answer);
}

FirstListed parse_first_listed(std::string_view body) {
  Reader reader{Reader::Root::array};
  const bool whole = parse(body, reader);
  FirstListed result;
  if (reader.complete && reader.has_status) result.first = std::move(reader.answer);
  result.well_formed = result.first.has_value() || (whole && reader.root_seen && !reader.complete);
  return result;
}

bool is_final_status(std::string_view status) {
  return same_word(status, "completed") || same_word(status, "failed") ||
         same_word(status, "terminated") || same_word(status, "canceled");
}

}  // namespace durable
