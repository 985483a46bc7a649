// The test protocol's fields from a file, every problem of it in one run.
#include <algorithm>
#include <array>

#include "config/syntax.hpp"
#include "config/tree.hpp"
#include "rehearsal/report/report.hpp"

namespace report {
namespace {

using config::Node;

class Fields {
 public:
  Fields(const Node& object, std::string path, const std::string& file,
         std::vector<config::Issue>& issues)
      : object_{object}, path_{std::move(path)}, file_{file}, issues_{issues} {}

  void text(const char* key, std::string& value) {
    if (const Node* node = take(key)) text_of(*node, path_ + key, value);
  }

  void texts(const char* key, std::vector<std::string>& values) {
    each(key, "strings", [&](const Node& item, const std::string& path) {
      std::string value;
      if (text_of(item, path, value)) values.push_back(std::move(value));
    });
  }

  template <class Read>
  void each(const char* key, const std::string& of_what, Read read) {
    const Node* node = take(key);
    if (!node) return;
    if (node->kind != Node::Kind::array)
      return refuse(*node, path_ + key, "is not a list of " + of_what, "write [ ... ]");
    for (std::size_t i = 0; i < node->items.size(); ++i)
      read(node->items[i], path_ + key + "[" + std::to_string(i) + "]");
  }

  void refuse(const Node& node, const std::string& path, std::string rule, std::string hint) {
    issues_.push_back({config::Severity::error, file_, node.at.line, node.at.column, path,
                       config::name_of(node.kind), std::move(rule), std::move(hint)});
  }

  void finish() {
    for (const config::Member& member : object_.members) {
      if (std::find(known_.begin(), known_.end(), member.key) != known_.end()) continue;
      const auto close = config::nearest(member.key, known_);
      std::string all;
      for (const std::string& one : known_) all += (all.empty() ? "" : ", ") + one;
      issues_.push_back({config::Severity::error, file_, member.key_at.line, member.key_at.column,
                         path_ + member.key, "", "unknown key",
                         close ? "did you mean \"" + *close + "\"?" : "there are " + all});
    }
  }

 private:
  const Node* take(const char* key) {
    known_.emplace_back(key);
    for (const config::Member& member : object_.members)
      if (member.key == key) return &member.value;
    return nullptr;
  }

  bool text_of(const Node& node, const std::string& path, std::string& value) {
    constexpr std::size_t longest = 4'000;
    if (node.kind != Node::Kind::text)
      return refuse(node, path, "is not a string", "write it in quotes"), false;
    if (node.text.size() > longest)
      return refuse(node, path, "is longer than 4000 bytes", "put it into a document beside"),
             false;
    value = node.text;
    return true;
  }

  const Node& object_;
  std::string path_;
  const std::string& file_;
  std::vector<config::Issue>& issues_;
  std::vector<std::string> known_;
};

}  // namespace

std::optional<Meta> parse_meta(std::string_view text, const std::string& file,
                               std::vector<config::Issue>& issues) {
  std::vector<config::Issue> found;
  Meta meta;
  if (const auto root = config::parse_tree(text, file, found)) {
    Fields fields{*root, "", file, found};
    if (root->kind != Node::Kind::object) {
      fields.refuse(*root, "", "is not an object", "write { ... }");
    } else {
      fields.text("test_id", meta.test_id);
      fields.text("ticket", meta.ticket);
      fields.text("environment", meta.environment);
      fields.text("purpose", meta.purpose);
      fields.text("business_rto", meta.business_rto);
      fields.text("business_rpo", meta.business_rpo);
      fields.text("approver", meta.approver);
      fields.text("sign_off", meta.sign_off);
      fields.text("retest_date", meta.retest_date);
      fields.texts("people", meta.people);
      fields.texts("deviations", meta.deviations);
      fields.each("actions", "objects", [&](const Node& item, const std::string& path) {
        if (item.kind != Node::Kind::object)
          return fields.refuse(item, path, "is not an object", "write { ... }");
        Meta::Action& action = meta.actions.emplace_back();
        Fields inside{item, path + ".", file, found};
        inside.text("what", action.what);
        inside.text("owner", action.owner);
        inside.text("due", action.due);
        inside.finish();
      });
      fields.finish();
    }
  }
  issues.insert(issues.end(), found.begin(), found.end());
  if (config::has_errors(found)) return std::nullopt;
  return meta;
}

}  // namespace report
