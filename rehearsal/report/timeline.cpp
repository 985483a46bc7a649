// The picture of a run: frame, faults, steps, and the lanes that are bars. Its curves: charts.cpp.
#include <algorithm>
#include <array>
#include <functional>
#include <vector>

#include "rehearsal/report/canvas.hpp"

namespace report {
namespace {

constexpr double bar_height = 20;
constexpr std::size_t most_marks = 400;  // faults, steps: what is drawn of a kind

At end_of(const verdict::RunRecord& record) {
  At end = record.ended;
  for (const verdict::Request& one : record.requests) end = std::max(end, one.ended);
  for (const verdict::Glimpse& one : record.glimpses) end = std::max(end, one.at);
  for (const verdict::StepResult& one : record.steps) end = std::max(end, one.ended);
  return std::max<At>(end, std::chrono::seconds{1});
}

std::int64_t tick_seconds(At end) {
  constexpr std::array<std::int64_t, 14> steps{1,   2,   5,   10,    15,    30,    60,
                                               120, 300, 600, 1'200, 1'800, 3'600, 7'200};
  for (const std::int64_t step : steps)
    if (end.count() / (step * 1'000'000) <= 14) return step;
  return end.count() / 14'000'000 + 1;
}

// One stretch of time in which a lane shows the same.
struct Stretch {
  At from{0}, to{0};
  std::string value;
};

// Of what was seen last at each of at most 800 places: what is narrower cannot be seen anyway.
std::vector<Stretch> stretches(const std::vector<verdict::Glimpse>& glimpses, At end,
                               const std::function<std::string(const verdict::Glimpse&)>& value) {
  std::vector<Stretch> out;
  const At cell{std::max<At::rep>(end.count() / 800, 1)};
  for (std::size_t i = 0; i < glimpses.size(); ++i) {
    const At from = glimpses[i].at;
    if (i + 1 < glimpses.size() && glimpses[i + 1].at / cell == from / cell) continue;
    std::string now = value(glimpses[i]);
    if (!out.empty()) out.back().to = from;
    if (out.empty() || out.back().value != now) out.push_back({from, from, std::move(now)});
  }
  if (!out.empty()) out.back().to = end;
  return out;
}

void draw_stretch(Canvas& canvas, const Stretch& one, std::string_view css, const char* shown) {
  const double x = canvas.x(one.from), w = std::max(canvas.x(one.to) - x, 0.8);
  canvas.draw(
      "<g><title>{0}, {1} s to {2} s</title><rect class=\"{3}\" x=\"{4:.1f}\" y=\"{5:.1f}\" "
      "width=\"{6:.1f}\" height=\"{7}\" rx=\"2\"/>",
      escape(shown), since_text(one.from), since_text(one.to), css, x, canvas.y, w, bar_height);
  const std::string text = escape(shown, 40);
  if (static_cast<double>(std::string_view{shown}.size()) * 6.6 + 8 < w)
    canvas.draw("<text class=\"inbar {}-t\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", css, x + 6,
                canvas.y + 14.5, text);
  canvas.out += "</g>\n";
}

void draw_active(Canvas& canvas, const Run& run) {
  canvas.lane_name(canvas.y + 14.5, "Active endpoint");
  const auto& endpoints = run.scenario.topology.endpoints;
  for (const Stretch& one :
       stretches(run.record.glimpses, canvas.end, [](const verdict::Glimpse& glimpse) {
         if (!glimpse.reachable) return std::string{"proxy away"};
         return glimpse.active.empty() ? std::string{"none"} : glimpse.active;
       })) {
    std::string css = "h-unknown";
    for (std::size_t i = 0; i < endpoints.size(); ++i)
      if (endpoints[i].name == one.value) css = "e" + std::to_string(i % 4);
    draw_stretch(canvas, one, css, one.value.c_str());
  }
  canvas.y += bar_height + 10;
}

std::string_view css_of(std::string_view status) {
  if (status.starts_with("Online")) return "h-online";
  if (status.starts_with("Degraded")) return "h-degraded";
  if (status.starts_with("Checking")) return "h-checking";
  if (status.starts_with("Stopped")) return "h-stopped";
  if (status.starts_with("Disabled") || status.starts_with("Inactive")) return "h-disabled";
  if (status.starts_with("Unmonitored")) return "h-checking";
  return "h-unknown";
}

std::vector<std::string> endpoint_names(const Run& run) {
  std::vector<std::string> names;
  for (const scenario::Endpoint& endpoint : run.scenario.topology.endpoints)
    names.push_back(endpoint.name);
  for (const verdict::Glimpse& glimpse : run.record.glimpses)
    for (const auto& [name, status] : glimpse.status)
      if (names.size() < 12 && std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(name);
  return names;
}

void draw_health(Canvas& canvas, const Run& run) {
  for (const std::string& name : endpoint_names(run)) {
    canvas.lane_name(canvas.y + 14.5, name);
    for (const Stretch& one :
         stretches(run.record.glimpses, canvas.end, [&](const verdict::Glimpse& glimpse) {
           const auto found = glimpse.status.find(name);
           return !glimpse.reachable || found == glimpse.status.end() ? std::string{"unknown"}
                                                                      : found->second;
         }))
      draw_stretch(canvas, one, css_of(one.value), one.value.c_str());
    canvas.y += bar_height + 5;
  }
  canvas.y += 7;
}

// The names of faults above everything, in up to three rows so that neighbours can be read.
double draw_fault_names(Canvas& canvas, const verdict::RunRecord& record) {
  std::array<double, 3> row_ends{0, 0, 0};
  double lowest = 0;
  for (std::size_t i = 0; i < std::min(record.faults.size(), most_marks); ++i) {
    const verdict::FaultSpan& fault = record.faults[i];
    const std::string text = escape(fault.text, 72);
    const double w = static_cast<double>(std::min<std::size_t>(fault.text.size(), 72)) * 6.3 + 8;
    const double x = std::max(std::min(canvas.x(fault.began), Canvas::right - w), Canvas::left);
    for (std::size_t row = 0; row < row_ends.size(); ++row) {
      if (row_ends[row] > x) continue;
      row_ends[row] = x + w;
      const double y = static_cast<double>(row) * 16;
      canvas.draw("<text class=\"faultname\" x=\"{:.1f}\" y=\"{:.1f}\">▾ {}</text>\n", x,
                  canvas.y + 12 + y, text);
      lowest = std::max(lowest, y + 16);
      break;
    }
  }
  return lowest;
}

void draw_axis(Canvas& canvas, double y, bool named) {
  const std::int64_t step = tick_seconds(canvas.end);
  for (std::int64_t at = 0; at * 1'000'000 <= canvas.end.count(); at += step) {
    const double x = canvas.x(std::chrono::seconds{at});
    canvas.draw("<text class=\"tick\" x=\"{:.1f}\" y=\"{:.1f}\">{}{}</text>\n", x, y, at,
                at == 0 && named ? " s" : "");
  }
}

// Steps whose marks would lie on each other share one: "2–4".
void draw_steps(Canvas& canvas, const verdict::RunRecord& record) {
  canvas.lane_name(canvas.y + 13, "Steps");
  const std::size_t count = std::min(record.steps.size(), most_marks);
  for (std::size_t first = 0, next = 0; first < count; first = next) {
    const double x = canvas.x(record.steps[first].began);
    bool done = true;
    std::string words;
    for (; next < count && (next == first || canvas.x(record.steps[next].began) < x + 34); ++next) {
      const verdict::StepResult& step = record.steps[next];
      done = done && step.done;
      words += fmt::format("{}Step {}: {}, at {} s{}", next == first ? "" : "; ", next + 1,
                           escape(step.text, 200), since_text(step.began),
                           step.done ? "" : ", not done");
    }
    const std::string label =
        next - first == 1 ? fmt::format("{}", next) : fmt::format("{}–{}", first + 1, next);
    const double w = next - first == 1 ? 17 : 32;
    canvas.draw(
        "<g class=\"{}\"><title>{}</title><rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{}\" "
        "height=\"17\" rx=\"8.5\"/><text x=\"{:.1f}\" y=\"{:.1f}\">{}</text></g>\n",
        done ? "step" : "step undone", words, x, canvas.y + 0.5, w, x + w / 2, canvas.y + 12.6,
        label);
  }
  canvas.y += 28;
}

std::string shading(const Canvas& canvas, const verdict::RunRecord& record, double top) {
  std::string out;
  for (std::size_t i = 0; i < std::min(record.faults.size(), most_marks); ++i) {
    const verdict::FaultSpan& fault = record.faults[i];
    const double x = canvas.x(fault.began), to = canvas.x(fault.ended.value_or(canvas.end));
    out += fmt::format(
        "<rect class=\"fault\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
        "height=\"{:.1f}\"><title>{}, {} s to {}</title></rect>\n"
        "<path class=\"faultedge\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>\n",
        x, top, std::max(to - x, 1.0), canvas.y - top, escape(fault.text, 200),
        since_text(fault.began),
        fault.ended ? since_text(*fault.ended) + " s" : std::string{"the end"}, x, top, canvas.y);
  }
  return out;
}

std::string grid(const Canvas& canvas, double top) {
  std::string out = "<path class=\"grid\" d=\"";
  const std::int64_t step = tick_seconds(canvas.end);
  for (std::int64_t at = 0; at * 1'000'000 <= canvas.end.count(); at += step)
    out += fmt::format("M{:.1f} {:.1f}V{:.1f}", canvas.x(std::chrono::seconds{at}), top, canvas.y);
  return out + "\"/>\n";
}

std::string in_words(const Run& run) {
  std::string out =
      "Timeline of " + time_text(std::chrono::duration_cast<Millis>(run.record.ended));
  for (const verdict::FaultSpan& fault : run.record.faults) {
    if (out.size() > 900) break;
    out += "; fault " + fault.text + " from " + since_text(fault.began) + " s";
    if (fault.ended) out += " to " + since_text(*fault.ended) + " s";
  }
  out += "; active endpoint";
  std::string last;
  for (const verdict::Glimpse& glimpse : run.record.glimpses) {
    if (glimpse.active.empty() || glimpse.active == last || out.size() > 1'400) continue;
    last = glimpse.active;
    out += " " + last + " from " + since_text(glimpse.at) + " s,";
  }
  if (last.empty()) out += " was not seen,";
  out.pop_back();
  return out + ". Below as a table: the sequence of events.";
}

constexpr std::string_view patterns =
    "<defs>"
    "<pattern id=\"p-degraded\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
    "patternTransform=\"rotate(45)\"><rect class=\"pb-degraded\" width=\"6\" height=\"6\"/><path "
    "class=\"pl-degraded\" d=\"M0 0V6\"/></pattern>"
    "<pattern id=\"p-checking\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><rect "
    "class=\"pb-checking\" width=\"6\" height=\"6\"/><circle class=\"pl-checking\" cx=\"3\" "
    "cy=\"3\" r=\"1\"/></pattern>"
    "<pattern id=\"p-stopped\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><rect "
    "class=\"pb-stopped\" width=\"6\" height=\"6\"/><path class=\"pl-stopped\" d=\"M0 3H6M3 "
    "0V6\"/></pattern>"
    "<pattern id=\"p-disabled\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\"><rect "
    "class=\"pb-disabled\" width=\"5\" height=\"5\"/><path class=\"pl-disabled\" d=\"M2 "
    "0V5\"/></pattern>"
    "<pattern id=\"p-bad\" width=\"4\" height=\"4\" patternUnits=\"userSpaceOnUse\" "
    "patternTransform=\"rotate(-45)\"><rect class=\"pb-bad\" width=\"4\" height=\"4\"/><path "
    "class=\"pl-bad\" d=\"M0 0V4\"/></pattern>"
    "</defs>\n";

}  // namespace

std::string timeline_svg(const Run& run) {
  Canvas canvas{end_of(run.record)};
  canvas.y = 4;
  canvas.y += draw_fault_names(canvas, run.record);
  const double top = canvas.y + 18;
  draw_axis(canvas, canvas.y + 12, true);
  canvas.y = top + 8;
  draw_steps(canvas, run.record);
  draw_active(canvas, run);
  draw_health(canvas, run);
  draw_requests(canvas, run.record);
  draw_latency(canvas, run.record);
  draw_starts(canvas, run.record);
  draw_instances(canvas, run.record);
  std::string out = fmt::format(
      "<svg class=\"timeline\" viewBox=\"0 0 {} {:.0f}\" role=\"img\" "
      "aria-labelledby=\"timeline-title timeline-words\">\n<title id=\"timeline-title\">Timeline "
      "of "
      "the run</title><desc id=\"timeline-words\">{}</desc>\n",
      Canvas::width, canvas.y + 44, escape(in_words(run), 2'000));
  out += patterns;
  out += grid(canvas, top);
  out += shading(canvas, run.record, top);
  draw_axis(canvas, canvas.y + 16, true);
  canvas.draw("<text class=\"note\" x=\"{}\" y=\"{:.1f}\">seconds since {} UTC</text>\n",
              Canvas::left, canvas.y + 34, utc_text(run.record.started));
  return out + canvas.out + "</svg>\n";
}

}  // namespace report
