// Every effective value with its origin: a visitor of keys.hpp, as the reader is.
#include <algorithm>
#include <utility>

#include "config/explain.hpp"
#include "config/keys.hpp"
#include "config/words.hpp"

namespace config {
namespace {

// Visits a complete Config and notes one row per key.
class Rows {
 public:
  Rows(std::vector<Setting>& rows, const Source& source, std::string shown, std::string written,
       bool later)
      : rows_{rows},
        source_{source},
        shown_{std::move(shown)},
        written_{std::move(written)},
        inherited_later_{later} {}

  Rows& later() {
    later_ = true;
    return *this;
  }

  template <class T>
  void time(const char* key, const T& value, Millis, Millis) {
    add(key, value, duration_text);
  }
  template <class T>
  void size(const char* key, const T& value, std::uint64_t, std::uint64_t) {
    add(key, value, size_text);
  }
  void size_or_none(const char* key, const std::optional<std::uint64_t>& value, std::uint64_t,
                    std::uint64_t) {
    add(key, value, size_text);
  }
  void rate(const char* key, std::uint64_t value) {
    add(key, value, [](std::uint64_t rate) { return size_text(rate) + "/s"; });
  }
  template <class T>
  void number(const char* key, const T& value, std::int64_t, std::int64_t) {
    add(key, value, [](auto number) { return std::to_string(number); });
  }
  template <class T>
  void share(const char* key, const T& value, double, double) {
    add(key, value, number_text);
  }
  template <class T>
  void flag(const char* key, const T& value) {
    add(key, value, [](bool truth) { return std::string(truth ? "true" : "false"); });
  }
  template <class T>
  void word(const char* key, const T& value) {
    add(key, value, [](auto known) { return std::string(to_string(known)); });
  }
  template <class T, class Check>
  void text(const char* key, const T& value, Check) {
    add(key, value, [](const std::string& shown) { return shown; });
  }
  template <class T, class Parse, class Print>
  void parsed(const char* key, const T& value, Parse, Print print) {
    add(key, value, print);
  }
  void file(const char* key, const std::string& value) { text(key, value, nullptr); }

  void secret(const char* key, const Secret& value) { row(key, value.empty() ? "" : "(set)"); }
  void secret(const char* key, const std::optional<Secret>& value) {
    secret(key, value.value_or(Secret{}));
  }
  void secrets(const char* key, const std::vector<Secret>& values) {
    row(key, values.empty() ? "" : "(" + std::to_string(values.size()) + " set)");
  }
  void secret_header(const char* key, const std::optional<NameValue>& value) {
    row(key, value ? value->name + ": (set)" : "");
  }
  void headers(const char* key, std::vector<NameValue>& values) {
    std::string text;
    for (const NameValue& header : values)
      text += (text.empty() ? "" : ", ") + header.name + ": (set)";
    row(key, text);
  }
  template <class Check>
  void texts(const char* key, const std::vector<std::string>& values, Check) {
    std::string text;
    for (const std::string& value : values) text += (text.empty() ? "" : ", ") + value;
    row(key, text);
  }
  void statuses(const char* key, const std::vector<StatusRange>& values) {
    std::string text;
    for (const StatusRange& range : values) text += (text.empty() ? "" : ", ") + status_text(range);
    row(key, text);
  }
  void canary(const char* key, bool written) { row(key, written ? "(set)" : ""); }

  template <class Visit>
  void group(const char* key, Visit visit) {
    const bool later = std::exchange(later_, false) || inherited_later_;
    Rows inside{rows_, source_, shown_ + key + ".", written_ + key + ".", later};
    visit(inside);
  }

  template <class T, class Visit>
  void optional_group(const char* key, std::optional<T>& value, Visit visit) {
    if (!value) return row(key, "");
    group(key, [&](Rows& inside) { visit(inside, *value); });
  }

  template <class T, class Visit>
  void list(const char* key, std::vector<T>& values, Visit visit) {
    const bool later = std::exchange(later_, false) || inherited_later_;
    if (values.empty()) {
      later_ = later;
      return row(key, "");
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::string name = shown_name(values[i], i);
      const std::size_t place = place_of(values[i], i);
      Rows inside{rows_, source_, shown_ + key + "[" + name + "].",
                  written_ + key + "[" + std::to_string(place) + "].", later};
      visit(inside, values[i]);
    }
  }

 private:
  template <class T>
  std::string shown_name(const T& item, std::size_t index) const {
    if constexpr (std::is_same_v<T, Endpoint>) return item.name;
    return std::to_string(index);
  }
  template <class T>
  std::size_t place_of(const T&, std::size_t index) const {
    if constexpr (std::is_same_v<T, Endpoint>)
      return index < source_.endpoint_index.size() ? source_.endpoint_index[index] : index;
    return index;
  }

  template <class T, class Print>
  void add(const char* key, const T& value, Print print) {
    row(key, print(value));
  }
  template <class T, class Print>
  void add(const char* key, const std::optional<T>& value, Print print) {
    row(key, value ? print(*value) : "");
  }

  Origin origin(const std::string& key) const {
    const Origin outside = source_.file.empty() ? Origin::command_line : Origin::file;
    if (source_.wrote(written_ + key)) return outside;
    const auto any_of = [&](std::initializer_list<std::string_view> keys) {
      return std::find(keys.begin(), keys.end(), key) != keys.end();
    };
    if (written_.starts_with("endpoints[") && written_.ends_with("].") &&
        any_of({"peer", "auth", "priority"}))
      return Origin::computed;
    if (!written_.ends_with("].probe.")) return Origin::by_default;
    if (source_.wrote("probe." + key)) return outside;
    if (any_of({"protocol", "port", "path", "status", "key"})) return Origin::computed;
    if (any_of({"method", "headers", "body_match", "json_match", "idle_after"}))
      return Origin::by_default;
    return Origin::preset;
  }

  void row(const std::string& key, std::string value) {
    const bool later = std::exchange(later_, false) || inherited_later_;
    if (value.empty()) value = "none";
    rows_.push_back({shown_ + key, std::move(value), origin(key), later});
  }

  std::vector<Setting>& rows_;
  const Source& source_;
  std::string shown_;
  std::string written_;
  bool later_ = false;
  bool inherited_later_;
};

ProbeSettings as_settings(const ProbePolicy& policy) {
  ProbeSettings shown;
  shown.preset = policy.preset;
  shown.protocol = policy.protocol;
  if (policy.protocol != Protocol::tcp) {
    shown.method = policy.method;
    shown.path = printable_url(policy.path);
    shown.status = policy.status;
  }
  shown.port = policy.port;
  shown.headers = policy.headers;
  if (!policy.body_match.empty()) shown.body_match = policy.body_match;
  shown.json_match = policy.json_match;
  if (!policy.key.empty()) shown.key = policy.key;
  shown.interval = policy.interval;
  shown.timeout = policy.timeout;
  shown.tolerated_failures = policy.tolerated_failures;
  shown.required_passes = policy.required_passes;
  shown.jitter = policy.jitter;
  shown.standby_interval = policy.standby_interval;
  shown.doubt_interval = policy.doubt_interval;
  shown.cold_grace = policy.cold_grace;
  shown.idle_after = policy.idle_after;
  shown.verify_tls = policy.verify_tls;
  return shown;
}

// What Config leaves open because a preset decides, filled in for display.
Config completed(Config config) {
  config.failback.healthy_for = config.failback.effective_healthy_for;
  const Evidence usual;
  Config::EvidenceSettings& evidence = config.evidence;
  evidence.connect_failures = evidence.connect_failures.value_or(usual.connect_failures);
  evidence.connect_window = evidence.connect_window.value_or(usual.connect_window);
  evidence.http_share = evidence.http_share.value_or(usual.http_share);
  evidence.http_min = evidence.http_min.value_or(usual.http_min);
  evidence.http_window = evidence.http_window.value_or(usual.http_window);
  for (Endpoint& endpoint : config.endpoints)
    endpoint.probe_overrides = as_settings(endpoint.probe);
  return config;
}

// Rows whose plain value would say too little.
void reword(Setting& row, const Config& config, const Source& source) {
  if (row.path == "failback.healthy_for" && !source.wrote(row.path)) row.origin = Origin::preset;
  if (row.path == "routing.disagreement" && !source.wrote(row.path)) {
    row.value = "by preset: traffic in responsive, else probe";
    row.origin = Origin::preset;
  }
  for (const Endpoint& endpoint : config.endpoints) {
    if (row.path != "endpoints[" + endpoint.name + "].probe.status") continue;
    if (endpoint.probe.durable) row.value = "404 with an empty body";
    if (endpoint.probe.host_only) row.value = "any below 500, but not the stopped page";
  }
}

}  // namespace

std::string_view to_string(Origin origin) {
  switch (origin) {
    case Origin::by_default:
      return "default";
    case Origin::preset:
      return "preset";
    case Origin::file:
      return "file";
    case Origin::command_line:
      return "command line";
    case Origin::computed:
      return "computed";
  }
  return "?";
}

std::vector<Setting> settings(const Config& config, const Source& source) {
  Config shown = completed(config);
  std::vector<Setting> rows;
  Rows visitor{rows, source, "", "", false};
  keys::top(visitor, shown);
  // The profile's probe section is shown as each endpoint inherits it.
  std::erase_if(rows, [](const Setting& row) { return row.path.starts_with("probe."); });
  for (Setting& row : rows) reword(row, config, source);
  return rows;
}

}  // namespace config
