#include "rehearsal/stage/evidence.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

namespace stage {

namespace fs = std::filesystem;
using verdict::At;

namespace {

constexpr std::array<const char*, 4> report_files{"report.html", "result.json", "junit.xml",
                                                  "report.md"};
constexpr const char* evidence_folder_name = "evidence";

// RFC 4180. What a spreadsheet would take for a formula is shown as text: cells hold what peers
// say.
std::string cell(std::string_view text) {
  std::string out = "\"";
  if (!text.empty() && std::string_view{"=+-@"}.find(text.front()) != std::string_view::npos)
    out += '\'';
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + '"';
}

std::string seconds(At at) {
  return fmt::format("{:.6f}", std::chrono::duration<double>(at).count());
}

std::string seconds(const std::optional<At>& at) {
  return at ? seconds(*at) : "";
}

std::string_view word(verdict::RequestKind kind) {
  switch (kind) {
    case verdict::RequestKind::get:
      return "get";
    case verdict::RequestKind::start:
      return "start";
    case verdict::RequestKind::poll:
      return "poll";
  }
  return "";
}

std::string_view word(verdict::Said said) {
  switch (said) {
    case verdict::Said::unanswered:
      return "unanswered";
    case verdict::Said::accepted:
      return "accepted";
    case verdict::Said::refused:
      return "refused";
    case verdict::Said::unknown:
      return "unknown";
    case verdict::Said::failed:
      return "failed";
  }
  return "";
}

std::string requests_csv(const verdict::RunRecord& record) {
  std::string out = "kind,due_s,sent_s,ended_s,status,served_by,trouble,client,stale\r\n";
  for (const verdict::Request& r : record.requests)
    fmt::format_to(std::back_inserter(out), "{},{},{},{},{},{},{},{},{}\r\n", word(r.kind),
                   seconds(r.due), seconds(r.sent), seconds(r.ended), r.status, cell(r.served_by),
                   cell(r.trouble), r.client, r.stale ? 1 : 0);
  return out;
}

std::string starts_csv(const verdict::RunRecord& record) {
  std::string out =
      "number,said,detail,given_id,id,final,unconfirmed,sent_s,answered_s,final_s,polls\r\n";
  for (const verdict::Start& s : record.starts) {
    std::string polls;
    for (const auto& [status, count] : s.polls)
      polls += fmt::format("{}{}x{}", polls.empty() ? "" : " ", status, count);
    fmt::format_to(std::back_inserter(out), "{},{},{},{},{},{},{},{},{},{},{}\r\n", s.number,
                   word(s.said), cell(s.detail), cell(s.given_id), cell(s.id), cell(s.final),
                   s.unconfirmed ? 1 : 0, seconds(s.sent), seconds(s.answered), seconds(s.final_at),
                   cell(polls));
  }
  return out;
}

std::string executions_csv(const verdict::RunRecord& record) {
  std::string out = "number,id,storage,hub,app,status,created_s,started_s,finished_s,lost\r\n";
  for (const verdict::Execution& e : record.executions)
    fmt::format_to(std::back_inserter(out), "{},{},{},{},{},{},{},{},{},{}\r\n",
                   e.number ? std::to_string(*e.number) : "", cell(e.id), cell(e.storage),
                   cell(e.hub), cell(e.app), cell(e.status), seconds(e.created), seconds(e.started),
                   seconds(e.finished), e.lost ? 1 : 0);
  return out;
}

std::string events_csv(const verdict::RunRecord& record) {
  std::string out = "at_s,kind,level,endpoint,from,to,reason,text\r\n";
  for (const verdict::ProxyEvent& e : record.events)
    fmt::format_to(std::back_inserter(out), "{},{},{},{},{},{},{},{}\r\n", seconds(e.at),
                   cell(e.kind), cell(e.level), cell(e.endpoint), cell(e.from), cell(e.to),
                   cell(e.reason), cell(e.text));
  return out;
}

std::string value_of(const std::string& file, std::string_view key) {
  std::ifstream in{file};
  std::string line;
  while (std::getline(in, line)) {
    if (!line.starts_with(key)) continue;
    const auto colon = line.find(':');
    const auto begin = line.find_first_not_of(" \t", colon + 1);
    if (colon != std::string::npos && begin != std::string::npos) return line.substr(begin);
  }
  return {};
}

report::Evidence evidence_of(const fs::path& file, const fs::path& folder) {
  std::ifstream in{file, std::ios::binary};
  const std::string bytes{std::istreambuf_iterator<char>{in}, {}};
  return {fs::relative(file, folder).string(), bytes.size(), sha256(bytes)};
}

}  // namespace

std::string make_report_folder(const std::string& folder) {
  std::error_code error;
  const fs::path path{folder};
  if (fs::exists(path, error) && !fs::is_directory(path, error))
    return folder + " is not a folder; name another with --report";
  fs::create_directories(path, error);
  if (error) return folder + " cannot be made: " + error.message();
  const bool ours = fs::exists(path / "result.json", error);
  if (!ours && !fs::is_empty(path, error))
    return folder + " holds other files; name a new or empty folder with --report";
  for (const char* file : report_files) fs::remove(path / file, error);
  fs::remove_all(path / evidence_folder_name, error);
  fs::create_directories(path / evidence_folder_name, error);
  return error ? folder + " cannot be written: " + error.message() : "";
}

std::string write_file(const std::string& path, std::string_view text) {
  std::ofstream out{path, std::ios::binary | std::ios::trunc};
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.close();
  return out ? "" : path + " cannot be written: " + std::strerror(errno);
}

std::string write_records(const std::string& evidence_folder, const verdict::RunRecord& record) {
  for (const auto& [name, text] : {std::pair{"/requests.csv", requests_csv(record)},
                                   {"/starts.csv", starts_csv(record)},
                                   {"/executions.csv", executions_csv(record)},
                                   {"/events.csv", events_csv(record)}})
    if (std::string problem = write_file(evidence_folder + name, text); !problem.empty())
      return problem;
  return "";
}

std::string write_report(const std::string& folder, report::Run& run) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{fs::path{folder} / evidence_folder_name, error})
    if (entry.is_regular_file(error)) run.evidence.push_back(evidence_of(entry.path(), folder));
  std::sort(run.evidence.begin(), run.evidence.end(),
            [](const auto& a, const auto& b) { return a.file < b.file; });
  // Named in the page and the summaries, so it comes first.
  const std::string json = report::to_json(run);
  if (std::string problem = write_file(folder + "/result.json", json); !problem.empty())
    return problem;
  run.evidence.push_back({"result.json", json.size(), sha256(json)});
  for (const auto& [name, text] : {std::pair{"/report.html", report::to_html(run)},
                                   {"/junit.xml", report::to_junit(run)},
                                   {"/report.md", report::to_markdown(run)}})
    if (std::string problem = write_file(folder + name, text); !problem.empty()) return problem;
  return "";
}

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
    return {};
  std::string out;
  for (unsigned i = 0; i < size; ++i) fmt::format_to(std::back_inserter(out), "{:02x}", digest[i]);
  return out;
}

report::Machine this_machine() {
  report::Machine machine;
  utsname name{};
  if (uname(&name) == 0) {
    machine.host = name.nodename;
    machine.system = fmt::format("{} {} {}", name.sysname, name.release, name.machine);
  }
  machine.processor = value_of("/proc/cpuinfo", "model name");
  machine.cores = std::thread::hardware_concurrency();
  machine.memory = value_of("/proc/meminfo", "MemTotal");
  return machine;
}

}  // namespace stage
