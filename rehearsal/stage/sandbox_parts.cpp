#include "rehearsal/stage/sandbox_parts.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "config/units.hpp"
#include "rehearsal/scenario/adopt.hpp"
#include "rehearsal/stage/call.hpp"
#include "rehearsal/stage/descriptor.hpp"
#include "rehearsal/stage/pause.hpp"
#include "rehearsal/stage/process_group.hpp"
#include "transport/http_client.hpp"

namespace stage {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using config::duration_text;
using scenario::Endpoint;
using scenario::StandIn;

namespace {

constexpr scenario::Millis own_start_limit{20'000};  // of our own executables

std::string address(std::uint16_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

std::string file_name(std::string name) {
  for (char& c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    if (!plain) c = '-';
  }
  return name;
}

void write_private(const std::string& file, const std::string& text) {
  const Descriptor out{
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
  for (std::size_t at = 0; out && at < text.size();) {
    const ssize_t count = ::write(out.get(), text.data() + at, text.size() - at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) throw std::runtime_error("cannot write " + file + ": " + error_text(errno));
    at += static_cast<std::size_t>(count);
  }
  if (!out) throw std::runtime_error("cannot write " + file + ": " + error_text(errno));
}

// Throws std::runtime_error.
class Planner {
 public:
  Planner(asio::any_io_executor executor, const scenario::Scenario& scenario,
          const SandboxOptions& options, Parts& parts)
      : executor_{std::move(executor)}, scenario_{scenario}, options_{options}, parts_{parts} {}

  void plan() {
    parts_.levels.resize(3);
    choose_ports();
    const auto& endpoints = scenario_.topology.endpoints;
    const auto has_tls = [](const Endpoint& one) {
      const auto* stand_in = std::get_if<StandIn>(&one.is);
      return stand_in && stand_in->tls;
    };
    if (std::any_of(endpoints.begin(), endpoints.end(), has_tls)) {
      const std::string folder = make_folder("certificates");
      const std::string problem = make_certificates(folder, parts_.certificates);
      if (!problem.empty()) throw std::runtime_error(problem);
      places_.ca_file = parts_.certificates.ca_file;
    }
    for (const scenario::Process& process : scenario_.topology.processes)
      parts_.processes[process.name] = plan_command(0, process.name, process.command);
    for (const scenario::Storage& storage : scenario_.topology.storage) plan_storage(storage);
    for (const Endpoint& endpoint : endpoints) plan_endpoint(endpoint);
    for (StorageAccount& account : parts_.storage) finish_storage(account);
    plan_proxy();
    for (auto& level : parts_.levels)
      for (const PartPtr& part : level)
        part->child = std::make_unique<Child>(executor_, part->options);
  }

 private:
  // All at once: a command may ask for the port of any other part.
  void choose_ports() {
    const auto choose = [this](const std::string& name) { ports_.emplace(name, free_port()); };
    for (const Endpoint& endpoint : scenario_.topology.endpoints) choose(endpoint.name);
    for (const scenario::Process& process : scenario_.topology.processes) choose(process.name);
    for (const scenario::Storage& storage : scenario_.topology.storage)
      ports_.emplace(storage.name, storage_port(storage.name));
    choose("proxy");
    parts_.admin_port = free_port();
  }

  // A storage account may have the name of its endpoint.
  std::uint16_t storage_port(const std::string& name) {
    const auto [found, added] = storage_ports_.emplace(name, 0);
    if (added) found->second = free_port();
    return found->second;
  }

  std::string make_folder(const std::string& name) {
    const std::string folder = options_.scratch + "/" + file_name(name);
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error)
      throw std::runtime_error("cannot make the folder " + folder + ": " + error.message());
    return folder;
  }

  PartPtr add(std::size_t level, const std::string& name, std::uint16_t port) {
    auto part = std::make_shared<Part>();
    part->name = name;
    part->port = port;
    part->options.name = name;
    part->options.log_file = options_.evidence + "/" + file_name(name) + ".log";
    part->options.folder = options_.scratch;
    parts_.levels[level].push_back(part);
    return part;
  }

  // One of our executables.
  PartPtr add_own(std::size_t level, const std::string& name, const char* program,
                  std::uint16_t port) {
    const PartPtr part = add(level, name, port);
    part->options.words = {options_.bin + "/" + program, "--listen", address(port)};
    part->ready_words = "listening on ";
    return part;
  }

  std::string fill(std::string_view text, std::uint16_t port, const std::string& folder) const {
    std::string out;
    while (!text.empty()) {
      const std::size_t open = text.find('{');
      out += text.substr(0, open);
      if (open == std::string_view::npos) break;
      text.remove_prefix(open);
      const std::size_t close = text.find('}');
      const std::string_view word = text.substr(1, close == text.npos ? 0 : close - 1);
      if (word == "port") {
        out += std::to_string(port);
      } else if (word == "folder") {
        out += folder;
      } else if (word == "bin") {
        out += options_.bin;
      } else if (word.starts_with("port:")) {
        const auto found = ports_.find(word.substr(5));
        if (found == ports_.end())
          throw std::runtime_error("{" + std::string{word} + "}: there is no such part");
        out += std::to_string(found->second);
      } else {  // not meant for us
        out += '{';
        text.remove_prefix(1);
        continue;
      }
      text.remove_prefix(close + 1);
    }
    return out;
  }

  PartPtr plan_command(std::size_t level, const std::string& name,
                       const scenario::Command& command) {
    const std::uint16_t port = ports_.at(name);
    const PartPtr part = add(level, name, port);
    const std::string folder = make_folder(name);
    for (const std::string& word : command.words)
      part->options.words.push_back(fill(word, port, folder));
    for (const config::NameValue& variable : command.environment)
      part->options.environment.emplace_back(variable.name, fill(variable.value, port, folder));
    part->options.folder = command.folder.empty() ? folder : fill(command.folder, port, folder);
    part->ready = command.ready;
    return part;
  }

  StorageAccount& plan_storage(const scenario::Storage& storage) {
    StorageAccount account;
    account.name = storage.name;
    account.file = options_.scratch + "/" + file_name("storage-" + storage.name) + ".db";
    account.part =
        add_own(0, "storage-" + storage.name, "understudy-storage", storage_port(storage.name));
    auto& words = account.part->options.words;
    words.insert(words.end(), {"--db", account.file});
    if (storage.replicate_every > 0ms) {
      words.insert(words.end(), {"--replicate-every", duration_text(storage.replicate_every)});
      const std::string sign = storage.skew < 0ms ? "-" : "";
      // With "=", or a negative one would look like an option.
      words.push_back("--replica-skew=" + sign + duration_text(std::chrono::abs(storage.skew)));
    }
    parts_.storage.push_back(std::move(account));
    return parts_.storage.back();
  }

  // What the endpoints have said of it.
  static void finish_storage(StorageAccount& account) {
    for (const auto& [app, latency] : account.app_latency) {
      account.part->options.words.push_back("--app-latency");
      account.part->options.words.push_back(app + "=" + duration_text(latency));
    }
  }

  void plan_endpoint(const Endpoint& endpoint) {
    EndpointParts parts;
    parts.endpoint = &endpoint;
    parts.certificate = &parts_.certificates.good;
    std::string entry;  // HOST:PORT of what stands behind the link
    std::string url;
    bool tls = false;
    if (const auto* stand_in = std::get_if<StandIn>(&endpoint.is)) {
      tls = stand_in->tls;
      plan_stand_in(endpoint, *stand_in, parts);
      entry = address(parts.gateway ? parts.gateway->port : parts.instances.front()->port);
    } else if (const auto* command = std::get_if<scenario::Command>(&endpoint.is)) {
      parts.instances.push_back(plan_command(1, endpoint.name, *command));
      entry = address(parts.instances.front()->port);
    } else {
      const auto& real = std::get<config::Url>(endpoint.is);
      url = real.origin() + real.base_path;
      entry = real.host + ":" + std::to_string(real.port);
      if (real.host.find(':') != std::string::npos)
        entry = "[" + real.host + "]:" + std::to_string(real.port);
    }
    const bool linked = tls || scenario::needs_link(scenario_, endpoint);
    if (linked && url.starts_with("https"))
      throw std::runtime_error(endpoint.name +
                               ": no link can be put before an https URL, whose certificate is of"
                               " another name; use a stand-in, or attach to a running proxy");
    if (linked) plan_link(endpoint, entry, tls, parts);
    if (linked) entry = address(parts.link->port);
    if (url.empty() || linked) {
      const std::string path = url.empty() ? "" : std::get<config::Url>(endpoint.is).base_path;
      url =
          tls ? "https://localhost:" + std::to_string(parts.link->port) : "http://" + entry + path;
    }
    places_.urls[endpoint.name] = url;
    parts_.endpoints.push_back(std::move(parts));
  }

  void plan_stand_in(const Endpoint& endpoint, const StandIn& stand_in, EndpointParts& parts) {
    const std::string account_name = account_of(scenario_, endpoint);
    StorageAccount* account = parts_.find_storage(account_name);
    if (!account) {
      scenario::Storage missing;
      missing.name = account_name;
      account = &plan_storage(missing);
    }
    account->hubs.insert(stand_in.hub);
    if (account->region.empty() || endpoint.name == account_name) account->region = endpoint.region;
    if (stand_in.storage_latency > 0ms)
      account->app_latency[endpoint.name] = stand_in.storage_latency;
    for (int i = 1; i <= std::max(1, stand_in.instances); ++i) {
      const std::string name = i == 1 ? endpoint.name : endpoint.name + "#" + std::to_string(i);
      const PartPtr app =
          add_own(1, name, "understudy-app", i == 1 ? ports_.at(endpoint.name) : free_port());
      add_app_options(endpoint, stand_in, account->part->url(), app->options.words);
      parts.instances.push_back(app);
    }
    if (!stand_in.gateway && stand_in.instances <= 1) return;
    parts.gateway = add_own(1, endpoint.name + "-gateway", "understudy-gateway", free_port());
    auto& words = parts.gateway->options.words;
    for (const PartPtr& app : parts.instances) words.insert(words.end(), {"--app", app->url()});
    words.insert(words.end(), {"--cut-after", duration_text(stand_in.cut_after)});
  }

  void add_app_options(const Endpoint& endpoint, const StandIn& stand_in,
                       const std::string& storage, std::vector<std::string>& words) const {
    const auto say = [&words](std::initializer_list<std::string> more) {
      words.insert(words.end(), more);
    };
    // The storage may take its time on a busy machine: that is no fault of this run.
    say({"--name", endpoint.name, "--storage", storage, "--storage-timeout", "8s"});
    say({"--hub", stand_in.hub});
    for (const std::string& function : stand_in.functions) say({"--function", function});
    if (!stand_in.durable_key.empty()) say({"--key", stand_in.durable_key});
    if (stand_in.app_lease)
      say({"--app-lease", "--site-name", endpoint.name, "--time-scale",
           std::to_string(scenario_.topology.lease_scale)});
    if (stand_in.cold_start > 0ms)
      say({"--cold-start", duration_text(stand_in.cold_start), "--idle-after",
           duration_text(stand_in.idle_after)});
    if (stand_in.lease_store.empty()) return;
    const auto store = ports_.find(stand_in.lease_store);
    if (store == ports_.end())
      throw std::runtime_error(endpoint.name + ": there is no process " + stand_in.lease_store);
    say({"--lease-blob", "http://" + address(store->second)});
  }

  void plan_link(const Endpoint& endpoint, const std::string& to, bool tls, EndpointParts& parts) {
    parts.link = add_own(1, endpoint.name + "-link", "understudy-link", free_port());
    parts.control_port = free_port();
    auto& words = parts.link->options.words;
    words.insert(words.end(), {"--to", to, "--control", address(parts.control_port)});
    if (!tls) return;
    const Certificates::Pair& good = parts_.certificates.good;
    words.insert(words.end(), {"--tls-certificate", good.certificate, "--tls-key", good.key});
  }

  void plan_proxy() {
    parts_.proxy = add(2, "proxy", ports_.at("proxy"));
    places_.listen = address(parts_.proxy->port);
    places_.admin = address(parts_.admin_port);
    places_.ledger_file = options_.scratch + "/ledger.db";
    const std::string file = options_.evidence + "/understudy.json";
    write_private(file, scenario::proxy_config(scenario_, places_));
    parts_.proxy->options.words = {options_.bin + "/understudy", "run", file};
    if (const int scale = scenario_.topology.lease_scale; scale > 1)  // it reckons with the lease
      parts_.proxy->options.words.insert(parts_.proxy->options.words.end(),
                                         {"--time-scale", std::to_string(scale)});
    parts_.proxy->ready_words = " ready: ";
  }

  asio::any_io_executor executor_;
  const scenario::Scenario& scenario_;
  const SandboxOptions& options_;
  Parts& parts_;
  std::map<std::string, std::uint16_t, std::less<>> ports_;
  std::map<std::string, std::uint16_t, std::less<>> storage_ports_;
  scenario::Places places_;
};

std::vector<config::SocketAddress> loopback(std::uint16_t port) {
  config::SocketAddress one;
  one.bytes = {127, 0, 0, 1};
  one.port = port;
  return {one};
}

asio::awaitable<bool> answers(PartPtr part) {
  const auto deadline = std::chrono::steady_clock::now() + 2s;
  if (part->ready.path.empty()) {
    const auto addresses = loopback(part->port);
    const auto result = co_await transport::connect_only(addresses, deadline);
    co_return bool{result};
  }
  Call question;
  question.url = part->url() + part->ready.path;
  question.limit = 2s;
  const Answer answer = co_await call(question);
  co_return answer.status >= 200 && answer.status < 400;
}

}  // namespace

StorageAccount* Parts::find_storage(std::string_view name) {
  for (StorageAccount& one : storage)
    if (one.name == name) return &one;
  return nullptr;
}

EndpointParts* Parts::find_endpoint(std::string_view name) {
  const std::string_view without_number = name.substr(0, name.rfind('#'));
  for (EndpointParts& one : endpoints)
    if (one.endpoint->name == name || one.endpoint->name == without_number) return &one;
  return nullptr;
}

std::string account_of(const scenario::Scenario& scenario, const Endpoint& endpoint) {
  const auto* stand_in = std::get_if<StandIn>(&endpoint.is);
  if (!stand_in) return {};
  if (!stand_in->storage.empty()) return stand_in->storage;
  return scenario.topology.task_hub == config::TaskHub::per_region ? endpoint.name : "shared";
}

std::string plan_parts(asio::any_io_executor executor, const scenario::Scenario& scenario,
                       const SandboxOptions& options, Parts& parts) {
  try {
    Planner{std::move(executor), scenario, options, parts}.plan();
    return {};
  } catch (const std::exception& error) {
    return error.what();
  }
}

asio::awaitable<std::string> wait_ready(PartPtr part) {
  std::string problem;
  if (!part->ready_words.empty()) {
    const std::string words = part->ready_words;
    problem = co_await part->child->wait_for(words, own_start_limit, nullptr);
    co_return problem;
  }
  const auto deadline = std::chrono::steady_clock::now() + part->ready.within;
  for (;;) {
    const bool ready = co_await answers(part);
    const bool running = part->child->running();  // or somebody else has answered
    if (ready && running) co_return problem;
    if (!running) {
      problem = part->name + " ended before it was ready";
    } else if (std::chrono::steady_clock::now() >= deadline) {
      problem = part->name + " was not ready after " + duration_text(part->ready.within) + ": ";
      problem += part->ready.path.empty() ? "nothing accepts connections on port "
                                          : "no good answer from " + part->ready.path + " on port ";
      problem += std::to_string(part->port);
    }
    if (!problem.empty()) {
      const std::string lines = part->child->last_lines();
      problem += "; see " + part->options.log_file;
      problem += lines.empty() ? ", which is empty" : ", which ends with:\n" + lines;
      co_return problem;
    }
    co_await pause(25ms);
  }
}

asio::awaitable<std::string> start_all(std::shared_ptr<Parts> parts) {
  std::string problem;
  for (const auto& level : parts->levels) {
    for (const PartPtr& part : level) {
      if (parts->closed) co_return std::string{"it was ended before all parts were ready"};
      problem = part->child->start();
      if (!problem.empty()) co_return problem;
    }
    for (const PartPtr& part : level) {
      problem = co_await wait_ready(part);
      if (!problem.empty()) co_return problem;
    }
  }
  co_return problem;
}

}  // namespace stage
