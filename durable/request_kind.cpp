#include "durable/request_kind.hpp"

#include <array>
#include <cstddef>

#include "durable/text.hpp"

namespace durable {
namespace {

bool same_any_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

// Takes whole segments off the front: "/admin" is one of "/admin/x" and "/Admin", not of "/adminx".
bool take_prefix(std::string_view& path, std::string_view prefix) {
  if (path.size() < prefix.size() || !same_word(path.substr(0, prefix.size()), prefix))
    return false;
  if (path.size() > prefix.size() && path[prefix.size()] != '/') return false;
  path.remove_prefix(prefix.size());
  return true;
}

std::string_view path_of(std::string_view target) {
  if (!target.empty() && target.front() != '/') {  // absolute form: http://host/path
    const std::size_t scheme = target.find("://");
    if (scheme == std::string_view::npos) return {};
    const std::size_t slash = target.find_first_of("/?#", scheme + 3);
    if (slash == std::string_view::npos || target[slash] != '/') return "/";
    target.remove_prefix(slash);
  }
  std::size_t size = 0;  // find_first_of is a call per character
  while (size < target.size() && target[size] != '?' && target[size] != '#') ++size;
  return target.substr(0, size);
}

enum class Area { plain, durable, webhook, admin };

// By the bytes as they are; `path` becomes what follows a Durable base path.
Area literal_area(std::string_view& path) {
  if (path.size() < 2) return Area::plain;
  const char first = lower(path[1]);
  if (first != 'r' && first != 'a') return Area::plain;  // nearly every plain path ends here
  std::string_view rest = path;
  if (first == 'r') {
    if (!take_prefix(rest, "/runtime/webhooks")) return Area::plain;
    if (!take_prefix(rest, "/durabletask")) return Area::webhook;
  } else {
    if (!take_prefix(rest, "/admin")) return Area::plain;
    if (!take_prefix(rest, "/extensions/durabletaskextension")) return Area::admin;
  }
  path = rest;
  return Area::durable;
}

// Whether a peer that decodes and tidies paths could see another path than we do.
bool may_be_disguised(std::string_view path) {
  char before = 0;
  for (const char c : path) {
    if (c == '%' || c == '\\' || c == ';' || (before == '/' && (c == '.' || c == '/'))) return true;
    before = c;
  }
  return false;
}

// What the path would be after decoding, "\" to "/", dot segments and doubled slashes. Only the
// first two segments matter, so that is all that is kept.
class Tidied {
 public:
  explicit Tidied(std::string_view path) {
    bool parameters = false;
    for (std::size_t i = 0; i < path.size(); ++i) {
      char c = path[i];
      if (c == '%' && i + 2 < path.size() && hex_value(path[i + 1]) >= 0 &&
          hex_value(path[i + 2]) >= 0) {
        c = static_cast<char>(hex_value(path[i + 1]) * 16 + hex_value(path[i + 2]));
        i += 2;
      }
      if (c == '/' || c == '\\') {
        end_segment();
        parameters = false;
      } else if (c == ';' || parameters) {  // "/admin;x=1": some hosts drop these
        parameters = true;
      } else {
        if (length_ < text_.size()) text_[length_] = lower(c);
        ++length_;
      }
    }
    end_segment();
  }

  Area area() const {
    if (depth_ >= 1 && first_[0] == Word::admin) return Area::admin;
    if (depth_ >= 2 && first_[0] == Word::runtime && first_[1] == Word::webhooks)
      return Area::webhook;
    return Area::plain;
  }
  bool has_dot_segments() const { return has_dot_segments_; }

 private:
  enum class Word { other, admin, runtime, webhooks };

  void end_segment() {
    const std::string_view segment =
        length_ <= text_.size() ? std::string_view{text_.data(), length_} : "(long)";
    length_ = 0;
    if (segment.empty()) return;
    if (segment == "." || segment == "..") {
      has_dot_segments_ = true;
      if (segment == ".." && depth_ > 0) --depth_;
      return;
    }
    if (depth_ < first_.size()) {
      Word word = Word::other;
      if (segment == "admin") word = Word::admin;
      if (segment == "runtime") word = Word::runtime;
      if (segment == "webhooks") word = Word::webhooks;
      first_[depth_] = word;
    }
    ++depth_;
  }

  std::array<char, 16> text_{};
  std::size_t length_ = 0;
  std::array<Word, 2> first_{};
  std::size_t depth_ = 0;
  bool has_dot_segments_ = false;
};

struct Segments {
  std::array<std::string_view, 5> items;
  std::size_t count = 0;  // 6: more than that
};

// One trailing slash is ignored, as by the router of ASP.NET.
Segments split(std::string_view rest) {
  Segments segments;
  if (!rest.empty()) rest.remove_prefix(1);
  if (!rest.empty() && rest.back() == '/') rest.remove_suffix(1);
  if (rest.empty()) return segments;
  for (;;) {
    const std::size_t slash = rest.find('/');
    if (segments.count == segments.items.size()) {
      ++segments.count;
      return segments;
    }
    segments.items[segments.count++] = rest.substr(0, slash);
    if (slash == std::string_view::npos) return segments;
    rest.remove_prefix(slash + 1);
  }
}

void set(Classified& out, RequestKind kind, Route route) {
  out.kind = kind;
  out.route = route;
}

Route instance_action(std::string_view action) {
  if (same_word(action, "terminate")) return Route::terminate;
  if (same_word(action, "suspend")) return Route::suspend;
  if (same_word(action, "resume")) return Route::resume;
  if (same_word(action, "rewind")) return Route::rewind;
  if (same_word(action, "restart")) return Route::restart;
  return Route::none;
}

void classify_orchestrators(std::string_view method, const Segments& s, Classified& out) {
  if (method != "POST" || s.count < 2 || s.count > 3 || s.items[1].empty()) return;
  set(out, RequestKind::start, Route::start_orchestration);
  out.function = s.items[1];
  if (s.count == 3) out.instance_id = s.items[2];
}

void classify_instances(std::string_view method, const Segments& s, Classified& out) {
  if (s.count == 1) {
    if (method == "GET") set(out, RequestKind::collection, Route::list_instances);
    if (method == "DELETE") set(out, RequestKind::collection, Route::purge_instances);
    return;
  }
  if (s.items[1].empty()) return;
  // Whatever is asked of it, actions that we do not know included: it lives in one hub.
  set(out, RequestKind::instance, Route::none);
  out.instance_id = s.items[1];
  if (s.count == 2) {
    if (method == "GET") out.route = Route::get_instance;
    if (method == "DELETE") out.route = Route::purge_instance;
  } else if (method == "POST" && s.count == 3) {
    out.route = instance_action(s.items[2]);
  } else if (method == "POST" && s.count == 4 && same_word(s.items[2], "raiseevent")) {
    out.route = Route::raise_event;
    out.event = s.items[3];
  }
}

void classify_entities(std::string_view method, const Segments& s, Classified& out) {
  if (s.count <= 2) {
    if (method != "GET") return;
    set(out, RequestKind::collection, Route::list_entities);
    if (s.count == 2) out.entity_name = s.items[1];
    return;
  }
  if (s.items[1].empty() || s.items[2].empty()) return;
  set(out, RequestKind::instance, Route::none);
  out.entity_name = s.items[1];
  out.entity_key = s.items[2];
  if (s.count > 3) return;
  if (method == "GET") out.route = Route::get_entity;
  if (method == "POST") out.route = Route::signal_entity;
  if (method == "DELETE") out.route = Route::delete_entity;
}

void classify_durable(std::string_view method, std::string_view rest, Classified& out) {
  const Segments segments = split(rest);
  if (segments.count == 0) return;
  const std::string_view head = segments.items[0];
  if (head.find('%') != std::string_view::npos) {  // a decoding host could see any route here
    out.kind = RequestKind::other_webhook;
    out.disguised = true;
  } else if (same_word(head, "instances")) {
    classify_instances(method, segments, out);
  } else if (same_word(head, "orchestrators")) {
    classify_orchestrators(method, segments, out);
  } else if (same_word(head, "entities")) {
    classify_entities(method, segments, out);
  } else if (same_word(head, "makeprimary") && segments.count == 1) {
    set(out, RequestKind::lease_control, Route::make_primary);
  }
}

// The next segment of `path` (which starts with '/'); `path` becomes what follows.
std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

}  // namespace

StartRoutes::StartRoutes(const std::vector<config::StartRoute>& routes) {
  for (const config::StartRoute& route : routes) {
    Pattern pattern;
    pattern.method = route.method;
    std::string_view path = route.path;
    while (!path.empty() && path.front() == '/') {
      const std::string_view text = take_segment(path);
      Segment segment;
      const std::size_t open = text.find('{');
      const std::size_t close = text.find('}', open == std::string_view::npos ? 0 : open);
      if (open == std::string_view::npos || close == std::string_view::npos) {
        segment.before = text;
      } else {
        const std::string_view name = text.substr(open + 1, close - open - 1);
        segment.before = text.substr(0, open);
        segment.after = text.substr(close + 1);
        segment.value = same_word(name, "function")     ? Segment::Value::function
                        : same_word(name, "instanceid") ? Segment::Value::instance_id
                                                        : Segment::Value::ignored;
      }
      pattern.segments.push_back(std::move(segment));
    }
    routes_.push_back(std::move(pattern));
  }
}

bool StartRoutes::match(std::string_view method, std::string_view path, Classified& out) const {
  if (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    const Pattern& pattern = routes_[i];
    if (pattern.method != method) continue;
    std::string_view rest = path, function, instance_id;
    bool matches = true;
    for (const Segment& segment : pattern.segments) {
      matches = !rest.empty();
      if (!matches) break;
      const std::string_view text = take_segment(rest);
      const std::size_t fixed = segment.before.size() + segment.after.size();
      if (segment.value == Segment::Value::none) {
        matches = same_any_case(text, segment.before);
      } else {
        matches = text.size() > fixed &&
                  same_any_case(text.substr(0, segment.before.size()), segment.before) &&
                  same_any_case(text.substr(text.size() - segment.after.size()), segment.after);
      }
      if (!matches) break;
      const std::string_view value = segment.value == Segment::Value::none
                                         ? std::string_view{}
                                         : text.substr(segment.before.size(), text.size() - fixed);
      if (segment.value == Segment::Value::function) function = value;
      if (segment.value == Segment::Value::instance_id) instance_id = value;
    }
    if (!matches || !rest.empty()) continue;
    set(out, RequestKind::start, Route::custom_start);
    out.start_route = static_cast<int>(i);
    out.function = function;
    out.instance_id = instance_id;
    return true;
  }
  return false;
}

Classified classify(std::string_view method, std::string_view target, const StartRoutes& starts) {
  Classified out;
  const std::string_view path = path_of(target);
  if (path.empty()) return out;  // "*" or the authority form
  std::string_view rest = path;
  const Area area = literal_area(rest);
  if (area == Area::admin || area == Area::webhook) {
    out.kind = area == Area::admin ? RequestKind::admin : RequestKind::other_webhook;
    // "/admin/host/ping/../keys" must not come through what is open for "/admin/host/ping".
    out.disguised = may_be_disguised(path) && Tidied{path}.has_dot_segments();
    return out;
  }
  if (may_be_disguised(path)) {
    const Tidied tidied{path};
    if (area == Area::durable ? tidied.has_dot_segments() : tidied.area() != Area::plain) {
      out.kind = tidied.area() == Area::admin ? RequestKind::admin : RequestKind::other_webhook;
      out.disguised = true;
      return out;
    }
  }
  if (area == Area::durable) {
    out.built_in = true;
    classify_durable(method, rest, out);
  } else if (!starts.empty()) {
    starts.match(method, path, out);
  }
  return out;
}

Classified classify(std::string_view method, std::string_view target) {
  static const StartRoutes no_starts;
  return classify(method, target, no_starts);
}

std::string_view to_string(RequestKind kind) {
  switch (kind) {
    case RequestKind::plain:
      return "plain";
    case RequestKind::start:
      return "start";
    case RequestKind::instance:
      return "instance";
    case RequestKind::collection:
      return "collection";
    case RequestKind::lease_control:
      return "lease_control";
    case RequestKind::other_webhook:
      return "other_webhook";
    case RequestKind::admin:
      return "admin";
  }
  return "?";
}

std::string_view to_string(Route route) {
  constexpr std::array<std::string_view, 18> words{"none",           "start_orchestration",
                                                   "get_instance",   "list_instances",
                                                   "purge_instance", "purge_instances",
                                                   "raise_event",    "terminate",
                                                   "suspend",        "resume",
                                                   "rewind",         "restart",
                                                   "get_entity",     "list_entities",
                                                   "signal_entity",  "delete_entity",
                                                   "make_primary",   "custom_start"};
  return words[static_cast<std::size_t>(route)];
}

}  // namespace durable
