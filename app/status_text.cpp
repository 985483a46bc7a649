#include "app/status_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <vector>

#include "app/text_table.hpp"

namespace app {
namespace {

using Json = nlohmann::ordered_json;

Colour colour_of(const std::string& status) {
  if (status.starts_with("Online")) return Colour::good;
  if (status.starts_with("Degraded")) return Colour::bad;
  if (status == "Disabled" || status == "Inactive" || status == "Stopped") return Colour::faint;
  return Colour::doubtful;
}

std::string text_at(const Json& object, const char* key, const char* fallback = "") {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : fallback;
}

double number_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

// Seconds since 1970 of our own timestamps ("2025-11-23T15:15:02.125Z"); 0 for anything else.
double unix_time(const std::string& at) {
  std::tm parts{};
  int millis = 0;
  if (std::sscanf(at.c_str(), "%d-%d-%dT%d:%d:%d.%dZ", &parts.tm_year, &parts.tm_mon,
                  &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &millis) != 7)
    return 0;
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return static_cast<double>(timegm(&parts)) + millis / 1000.0;
}

std::string age(const Json& status, const std::string& at) {
  return seconds_text(std::max(0.0, unix_time(text_at(status, "now")) - unix_time(at)));
}

std::string clock_time(const std::string& at) {  // hh:mm:ss.mmm, UTC as in the logs
  return at.size() >= 23 ? at.substr(11, 12) : at;
}

std::string probe_text(const Json& status, const Json& endpoint) {
  const auto found = endpoint.find("lastProbe");
  if (found == endpoint.end() || !found->is_object()) return "none yet";
  return fmt::format("{} {}, {} ago", text_at(*found, "outcome"),
                     seconds_text(number_at(*found, "latencyMs") / 1000),
                     age(status, text_at(*found, "at")));
}

std::string endpoint_table(const Json& status, bool colours) {
  std::vector<std::vector<Cell>> rows;
  rows.emplace_back();
  for (const char* title : {" ", "ENDPOINT", "PRIORITY", "STATUS", "ROTATION", "FOR", "LAST PROBE",
                            "IN FLIGHT", "STICKY", "URL"})
    rows.back().emplace_back(title, Colour::faint);
  for (const Json& e : status.at("endpoints")) {
    const bool active = e.value("active", false);
    std::string rotation = text_at(e, "rotation");
    if (e.value("draining", false)) rotation = "draining";
    std::vector<Cell>& row = rows.emplace_back();
    row.emplace_back(active ? "*" : " ", Colour::strong);
    row.emplace_back(text_at(e, "name"), active ? Colour::strong : Colour::none);
    row.emplace_back(fmt::format("{}", number_at(e, "priority")));
    row.emplace_back(text_at(e, "statusText"), colour_of(text_at(e, "monitorStatus")));
    row.emplace_back(rotation);
    row.emplace_back(age(status, text_at(e, "since")));
    row.emplace_back(probe_text(status, e));
    row.emplace_back(fmt::format("{}", number_at(e, "inFlight")));
    row.emplace_back(fmt::format("{}", number_at(e, "stickyClients")));
    row.emplace_back(text_at(e, "url"));
  }
  return table(rows, colours);
}

std::string measured(const Json& status, const char* key) {
  const Json& last = status.at("last");
  const Json& bounds = status.at("bounds");
  const auto value = last.find(key);
  std::string out =
      value == last.end() || value->is_null() ? "none yet" : seconds_text(value->get<double>());
  if (bounds.is_object() && bounds.contains(key) && bounds[key].is_number())
    out += fmt::format(" (at most {})", seconds_text(number_at(bounds, key)));
  return out;
}

std::string waiting_text(const Json& status) {
  std::string out;
  const Json& hold = status.at("hold");
  if (hold.is_object()) {
    const std::string until = text_at(hold, "until");
    out += fmt::format("hold: no failback {}\n", until.empty()
                                                     ? "until `understudy release`"
                                                     : "before " + clock_time(until) + " UTC");
  }
  const Json& failback = status.at("failback");
  const std::string waiting = text_at(failback, "waitingFor");
  if (!waiting.empty()) {
    const std::string until = text_at(failback, "until");
    out += until.empty()
               ? fmt::format("failback: {} is ready; it waits for `understudy failback`\n", waiting)
               : fmt::format("failback: to {} at {} UTC if it stays online\n", waiting,
                             clock_time(until));
  }
  return out;
}

// "starts: 0 open, 3 unknown, oldest 12 s"; nothing where no task hub is said.
std::string starts_text(const Json& durable, bool colours) {
  const Json& starts = durable.at("starts");
  if (!starts.is_object()) {
    const std::string hub = text_at(durable, "taskHub", "none");
    if (hub == "none" || hub.empty()) return "";
    return paint("starts are not protected: durable.ledger.mode is off", Colour::doubtful,
                 colours) +
           "\n";
  }
  std::string out = fmt::format("starts: {} open", number_at(starts, "open"));
  bool doubtful = false;
  struct Part {
    const char* key;
    const char* words;
  };
  for (const Part& part : {Part{"unknown", "unknown"}, Part{"queued", "queued"},
                           Part{"listed", "for an operator to decide about"},
                           Part{"possibleDuplicates", "possibly run twice"},
                           Part{"duplicates", "run twice"}, Part{"lost", "lost"}}) {
    const double count = number_at(starts, part.key);
    if (count == 0) continue;
    out += fmt::format(", {} {}", count, part.words);
    doubtful = true;
  }
  if (starts.at("oldestOpenSeconds").is_number())
    out += ", oldest " + seconds_text(number_at(starts, "oldestOpenSeconds"));
  if (!starts.value("diskOk", true)) out += "; the disk refuses the ledger";
  const bool bad = !starts.value("diskOk", true);
  return paint(out, bad ? Colour::bad : doubtful ? Colour::doubtful : Colour::none, colours) + "\n";
}

// A line each for what there is to know about Durable Functions.
std::string durable_text(const Json& status, bool colours) {
  const Json& durable = status.at("durable");
  std::string out = starts_text(durable, colours);
  if (const Json& lease = durable.at("lease"); lease.is_object())
    out += paint(text_at(lease, "text"),
                 lease.value("split", false) ? Colour::doubtful : Colour::none, colours) +
           fmt::format(" ({})\n", text_at(lease, "why"));
  if (const Json& claim = durable.at("hubClaim"); claim.is_object())
    out +=
        paint(text_at(claim, "text"),
              text_at(claim, "verdict") == "contradiction" ? Colour::bad : Colour::none, colours) +
        "\n";
  return out;
}

}  // namespace

std::string seconds_text(double seconds) {
  if (seconds < 0.01) return fmt::format("{:.1f} ms", seconds * 1000);
  if (seconds < 1) return fmt::format("{:.0f} ms", seconds * 1000);
  if (seconds < 60) {
    std::string out = fmt::format("{:.1f}", seconds);
    if (out.ends_with(".0")) out.resize(out.size() - 2);
    return out + " s";
  }
  const auto whole = static_cast<std::int64_t>(seconds);
  if (whole < 3600) return fmt::format("{}m {:02}s", whole / 60, whole % 60);
  if (whole < 86400) return fmt::format("{}h {:02}m", whole / 3600, whole % 3600 / 60);
  return fmt::format("{}d {}h", whole / 86400, whole % 86400 / 3600);
}

std::string event_line(const Json& event, bool colours) {
  const std::string level = text_at(event, "level");
  const Colour colour = level == "alert"     ? Colour::bad
                        : level == "warning" ? Colour::doubtful
                                             : Colour::none;
  return fmt::format(
      "{}  {}  {}\n", paint(clock_time(text_at(event, "at")), Colour::faint, colours),
      paint(fmt::format("{:<9}", text_at(event, "kind")), colour, colours), text_at(event, "text"));
}

std::string events_text(const Json& events, bool colours) {
  std::string out;
  for (const Json& event : events) out += event_line(event, colours);
  return out;
}

std::string status_text(const Json& status, bool colours) {
  const Json& active = status.at("active");
  const std::string name = text_at(active, "endpoint");
  std::string out = fmt::format(
      "{}  {}  understudy {}, up {}\n", paint(text_at(status, "profile"), Colour::strong, colours),
      paint(text_at(status, "profileMonitorStatus"),
            colour_of(text_at(status, "profileMonitorStatus")), colours),
      text_at(status, "version"), seconds_text(number_at(status, "uptimeSeconds")));
  out += name.empty() ? paint("active: nobody may serve", Colour::bad, colours)
                      : "active: " + paint(name, Colour::strong, colours);
  out += fmt::format(" for {} ({})\n", age(status, text_at(active, "since")),
                     text_at(active, "text", text_at(active, "why").c_str()));
  out += waiting_text(status) + durable_text(status, colours);
  out += "\n" + endpoint_table(status, colours);
  for (const Json& e : status.at("endpoints"))
    if (const std::string odd = text_at(e, "disagreement"); !odd.empty())
      out += fmt::format("{}: {}\n", text_at(e, "name"), paint(odd, Colour::doubtful, colours));
  out += fmt::format("\nlast detection {}, failover {}, failback {}\n",
                     measured(status, "detectSeconds"), measured(status, "failoverSeconds"),
                     measured(status, "failbackSeconds"));
  for (const Json& alert : status.at("alerts"))
    out += paint(fmt::format("alert {}: {}", text_at(alert, "kind"), text_at(alert, "text")),
                 Colour::bad, colours) +
           "\n";
  const Json& transitions = status.at("transitions");
  if (!transitions.empty()) out += "\n" + paint("latest (UTC)", Colour::faint, colours) + "\n";
  const std::size_t from = transitions.size() > 8 ? transitions.size() - 8 : 0;
  for (std::size_t i = from; i < transitions.size(); ++i)
    out += event_line(transitions[i], colours);
  return out;
}

std::string status_summary(const Json& status) {
  std::string out = "active " + text_at(status.at("active"), "endpoint", "nobody") + ";";
  const char* separator = " ";
  for (const Json& e : status.at("endpoints")) {
    out += fmt::format("{}{} {} {}", separator, text_at(e, "name"), text_at(e, "statusText"),
                       e.value("draining", false) ? "draining" : text_at(e, "rotation"));
    separator = ", ";
  }
  return out;
}

}  // namespace app
