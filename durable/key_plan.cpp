#include "durable/key_plan.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "durable/query.hpp"

namespace durable {
namespace {

constexpr std::size_t longest_name = 256;

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// The keys of one group in both apps, paired: either side may be null.
struct Pair {
  const NamedKey* source = nullptr;
  const NamedKey* target = nullptr;
};

std::vector<Pair> pair_keys(const std::vector<NamedKey>& source,
                            const std::vector<NamedKey>& target) {
  std::map<std::string, Pair, std::less<>> exact;
  for (const NamedKey& key : source)
    if (!is_master_key(key.name)) exact[key.name].source = &key;
  for (const NamedKey& key : target)
    if (!is_master_key(key.name)) exact[key.name].target = &key;
  std::map<std::string, const NamedKey*, std::less<>> alone;  // at the target only, lower case
  for (const auto& [name, pair] : exact)
    if (pair.source == nullptr) alone.emplace(lower(name), pair.target);
  std::set<const NamedKey*> taken;
  for (auto& [name, pair] : exact) {
    const auto found = pair.target == nullptr ? alone.find(lower(name)) : alone.end();
    if (found == alone.end()) continue;
    pair.target = found->second;
    taken.insert(found->second);
    alone.erase(found);
  }
  std::vector<Pair> out;
  for (const auto& [name, pair] : exact)
    if (pair.source != nullptr || !taken.contains(pair.target)) out.push_back(pair);
  return out;
}

bool same_group(const KeyGroup& a, const KeyGroup& b) {
  return a.scope == b.scope && lower(a.function) == lower(b.function);
}

const KeyList* find_list(const AppKeys& app, const KeyGroup& group) {
  const auto found = std::find_if(
      app.begin(), app.end(), [&](const KeyList& list) { return same_group(list.group, group); });
  return found == app.end() ? nullptr : &*found;
}

bool exists(const KeyList* list) {
  return list != nullptr && list->exists;
}

// Calls `each(group, source list, target list)` for every group of either app, each group once.
template <class Each>
void for_each_group(const AppKeys& source, const AppKeys& target, Each each) {
  for (const KeyList& list : source) each(list.group, &list, find_list(target, list.group));
  for (const KeyList& list : target)
    if (find_list(source, list.group) == nullptr) each(list.group, nullptr, &list);
}

KeyVerdict verdict_of(const Pair& pair) {
  if (pair.source == nullptr) return KeyVerdict::missing_at_source;
  if (pair.target == nullptr) return KeyVerdict::missing_at_target;
  return pair.source->value == pair.target->value ? KeyVerdict::same : KeyVerdict::different;
}

}  // namespace

std::string_view to_string(KeyScope scope) {
  switch (scope) {
    case KeyScope::host:
      return "host";
    case KeyScope::system:
      return "system";
    case KeyScope::function:
      break;
  }
  return "function";
}

std::string_view to_string(KeyVerdict verdict) {
  switch (verdict) {
    case KeyVerdict::same:
      return "same";
    case KeyVerdict::different:
      return "different";
    case KeyVerdict::missing_at_source:
      return "missing_at_source";
    case KeyVerdict::missing_at_target:
      break;
  }
  return "missing_at_target";
}

std::string_view to_string(UndoStep step) {
  switch (step) {
    case UndoStep::restore:
      return "restore";
    case UndoStep::already_so:
      return "already_so";
    case UndoStep::was_new:
      return "was_new";
    case UndoStep::changed_since:
      break;
  }
  return "changed_since";
}

std::string key_path(const KeyGroup& group, std::string_view name) {
  std::string path;
  if (group.scope == KeyScope::function) {
    path = "/admin/functions/";
    path += percent_encode(group.function);
    path += "/keys";
  } else {
    path = group.scope == KeyScope::host ? "/admin/host/functionkeys" : "/admin/host/systemkeys";
  }
  if (name.empty()) return path;
  path += '/';
  path += percent_encode(name);
  return path;
}

bool is_usable_name(std::string_view name) {
  if (name.empty() || name.size() > longest_name || name == "." || name == "..") return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto byte = static_cast<unsigned char>(name[i]);
    if (byte < 0x20 || byte == 0x7f) return false;
    // U+0080 to U+009F: some of them steer a terminal as an escape sequence does.
    if (byte == 0xC2 && i + 1 < name.size() && static_cast<unsigned char>(name[i + 1]) < 0xA0)
      return false;
  }
  return true;
}

bool is_master_key(std::string_view name) {
  return lower(name) == "_master";
}

bool KeyComparison::equal() const {
  return functions_missing_at_source.empty() && functions_missing_at_target.empty() &&
         count(KeyVerdict::same) == keys.size();
}

std::size_t KeyComparison::count(KeyVerdict verdict) const {
  return static_cast<std::size_t>(std::count_if(
      keys.begin(), keys.end(), [&](const ComparedKey& key) { return key.verdict == verdict; }));
}

KeyComparison compare_keys(const AppKeys& source, const AppKeys& target) {
  KeyComparison out;
  const std::vector<NamedKey> none;
  for_each_group(source, target, [&](const KeyGroup& group, const KeyList* a, const KeyList* b) {
    if (!exists(a) && exists(b)) out.functions_missing_at_source.push_back(group.function);
    if (exists(a) && !exists(b)) out.functions_missing_at_target.push_back(group.function);
    if (!exists(a) || !exists(b)) return;  // said once for the function, not for each of its keys
    for (const Pair& pair : pair_keys(a->keys, b->keys)) {
      const NamedKey* named = pair.source != nullptr ? pair.source : pair.target;
      out.keys.push_back({group, named->name, verdict_of(pair)});
    }
  });
  return out;
}

std::vector<KeyChange> plan_sync(const AppKeys& source, const AppKeys& target) {
  std::vector<KeyChange> out;
  for (const KeyList& list : source) {
    const KeyList* there = find_list(target, list.group);
    if (!exists(&list) || !exists(there)) continue;
    for (const Pair& pair : pair_keys(list.keys, there->keys)) {
      const KeyVerdict verdict = verdict_of(pair);
      if (verdict == KeyVerdict::different)
        out.push_back({there->group, pair.target->name, pair.target->value, pair.source->value});
      else if (verdict == KeyVerdict::missing_at_target)
        out.push_back({there->group, pair.source->name, std::nullopt, pair.source->value});
    }
  }
  return out;
}

std::vector<UndoneKey> plan_undo(const std::vector<KeyChange>& written, const AppKeys& current) {
  std::vector<UndoneKey> out;
  for (const KeyChange& change : written) {
    if (is_master_key(change.name)) continue;  // an edited undo file does not change that
    const NamedKey* now = find_key(current, change.group, change.name);
    UndoneKey undone;
    undone.change = change;
    if (!change.before) {
      undone.step = now == nullptr ? UndoStep::already_so : UndoStep::was_new;
    } else if (now != nullptr && now->value == *change.before) {
      undone.step = UndoStep::already_so;
    } else if (now != nullptr && now->value != change.value) {
      undone.step = UndoStep::changed_since;
    } else {
      undone.step = UndoStep::restore;
      undone.change.value = *change.before;
      undone.change.before.reset();
      if (now != nullptr) {
        undone.change.name = now->name;
        undone.change.before = now->value;
      }
    }
    out.push_back(std::move(undone));
  }
  return out;
}

const NamedKey* find_key(const AppKeys& app, const KeyGroup& group, std::string_view name) {
  const KeyList* list = find_list(app, group);
  if (list == nullptr) return nullptr;
  const NamedKey* near = nullptr;
  for (const NamedKey& key : list->keys) {
    if (key.name == name) return &key;
    if (lower(key.name) == lower(name)) near = &key;
  }
  return near;
}

}  // namespace durable
