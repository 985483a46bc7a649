#include "app/key_undo.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

namespace app {
namespace {

using Json = nlohmann::ordered_json;
using durable::KeyScope;

constexpr std::size_t largest_undo = 64 * 1024 * 1024;  // bytes
constexpr int undo_version = 1;
constexpr const char* version_member = "understudyKeysUndo";

Json change_json(const durable::KeyChange& change) {
  Json out{{"scope", std::string{to_string(change.group.scope)}}};
  if (change.group.scope == KeyScope::function) out["function"] = change.group.function;
  out["name"] = change.name;
  out["before"] = change.before ? Json(change.before->reveal()) : Json(nullptr);
  out["written"] = change.value.reveal();
  return out;
}

std::optional<KeyScope> parse_scope(const std::string& text) {
  for (const KeyScope scope : {KeyScope::host, KeyScope::system, KeyScope::function})
    if (text == to_string(scope)) return scope;
  return std::nullopt;
}

const std::string* text_member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get_ptr<const std::string*>()
                                                     : nullptr;
}

std::optional<durable::KeyChange> parse_change(const Json& entry) {
  const std::string* scope = text_member(entry, "scope");
  const std::string* name = text_member(entry, "name");
  const std::string* written = text_member(entry, "written");
  if (scope == nullptr || name == nullptr || written == nullptr) return std::nullopt;
  const auto known = parse_scope(*scope);
  if (!known || !durable::is_usable_name(*name)) return std::nullopt;
  durable::KeyChange change;
  change.group.scope = *known;
  change.name = *name;
  change.value = config::Secret{*written};
  if (*known == KeyScope::function) {
    const std::string* function = text_member(entry, "function");
    if (function == nullptr || !durable::is_usable_name(*function)) return std::nullopt;
    change.group.function = *function;
  }
  const auto before = entry.find("before");
  if (before == entry.end()) return std::nullopt;
  if (before->is_string() && !before->get_ref<const std::string&>().empty())
    change.before = config::Secret{before->get<std::string>()};
  else if (!before->is_null())
    return std::nullopt;
  return change;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(file, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// The name of a new file is on the disk once its folder is. Some file systems cannot say so.
int sync_folder(const std::string& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return errno;
  const int error = ::fsync(file) == 0 || errno == EINVAL ? 0 : errno;
  ::close(file);
  return error;
}

}  // namespace

std::string to_json(const KeyUndo& undo) {
  Json out{{version_member, undo_version}, {"endpoint", undo.endpoint}, {"url", undo.url}};
  out["keys"] = Json::array();
  for (const durable::KeyChange& change : undo.written) out["keys"].push_back(change_json(change));
  return out.dump(2) + "\n";
}

std::optional<KeyUndo> parse_undo(std::string_view text, std::string& reason) {
  const Json file = Json::parse(text, nullptr, false);
  if (!file.is_object() || !file.contains(version_member)) {
    reason = "is not an undo file of `understudy keys sync`";
    return std::nullopt;
  }
  if (file[version_member] != undo_version) {
    reason = "was written by another version of Understudy";
    return std::nullopt;
  }
  const std::string* endpoint = text_member(file, "endpoint");
  const std::string* url = text_member(file, "url");
  const auto keys = file.find("keys");
  if (endpoint == nullptr || url == nullptr || keys == file.end() || !keys->is_array()) {
    reason = "lacks its endpoint, url or keys";
    return std::nullopt;
  }
  KeyUndo undo{*endpoint, *url, {}};
  for (const Json& entry : *keys) {
    auto change = parse_change(entry);
    if (!change) {
      reason = fmt::format("has an unusable entry, keys[{}]", undo.written.size());
      return std::nullopt;
    }
    undo.written.push_back(*std::move(change));
  }
  return undo;
}

std::optional<std::string> read_undo_text(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::string text;
  std::array<char, 64 * 1024> part{};
  while (file.read(part.data(), part.size()) || file.gcount() > 0) {
    text.append(part.data(), static_cast<std::size_t>(file.gcount()));
    if (text.size() > largest_undo) return std::nullopt;
  }
  return file.eof() ? std::optional{std::move(text)} : std::nullopt;
}

int create_secret_file(const std::string& path, std::string_view text) {
  if (text.size() > largest_undo) return EFBIG;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return errno;
  int error = write_all(file, text) && ::fsync(file) == 0 ? 0 : errno;
  if (::close(file) != 0 && error == 0) error = errno;
  if (error == 0) error = sync_folder(folder_of(path));
  if (error != 0) ::unlink(path.c_str());
  return error;
}

std::string default_undo_path(std::string_view endpoint, int copy) {
  std::string name;
  for (const char c : endpoint) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += plain || c == '-' || c == '_' ? c : '_';
  }
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fmt::format("keys-undo-{}-{:%Y%m%dT%H%M%SZ}{}.json", name, fmt::gmtime(now),
                     copy > 1 ? fmt::format("-{}", copy) : "");
}

}  // namespace app
