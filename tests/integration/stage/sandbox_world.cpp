#include "sandbox_world.hpp"

#include <nlohmann/json.hpp>

namespace stage_test {

std::string SandboxTest::url_of(const std::string& name) {
  const auto config = nlohmann::json::parse(text_of(evidence.file("understudy.json")));
  for (const auto& one : config["endpoints"])
    if (one["name"] == name) return one["url"];
  return {};
}

std::string SandboxTest::active() {
  const auto status = nlohmann::json::parse(ask(scene->admin_url() + "/api/status").body);
  for (const auto& one : status["endpoints"])
    if (one["active"] == true) return one["name"];
  return {};
}

std::vector<pid_t> SandboxTest::children() {
  std::vector<pid_t> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc", error}) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string text = text_of(entry.path() / "stat");
    const std::size_t end = text.rfind(')');
    if (end == std::string::npos) continue;
    if (std::atoi(text.c_str() + end + 4) == ::getpid()) found.push_back(std::stoi(name));
  }
  return found;
}

}  // namespace stage_test
