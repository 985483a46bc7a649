// The lanes of the timeline that are curves: requests, latency, starts, instances.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <vector>

#include "rehearsal/report/canvas.hpp"

namespace report {
namespace {

constexpr double chart_height = 92, gap = 22;

bool failed(const verdict::Request& request) {
  return !request.trouble.empty() || request.status == 0;
}

struct Bucket {
  std::size_t good = 0, bad = 0;
  std::vector<double> latencies;  // ms
};

std::vector<Bucket> buckets_of(const verdict::RunRecord& record, At end, At width) {
  std::vector<Bucket> out(static_cast<std::size_t>(end / width) + 1);
  for (const verdict::Request& request : record.requests) {
    const auto index =
        std::clamp<std::int64_t>(request.due / width, 0, static_cast<std::int64_t>(out.size()) - 1);
    Bucket& bucket = out[static_cast<std::size_t>(index)];
    ++(failed(request) ? bucket.bad : bucket.good);
    bucket.latencies.push_back(
        std::max(0.1, static_cast<double>((request.ended - request.due).count()) / 1e3));
  }
  return out;
}

double nice_top(double most) {
  if (most <= 1) return 1;
  const double power = std::pow(10, std::floor(std::log10(most)));
  for (const double step : {1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0})
    if (most <= step * power) return step * power;
  return most;
}

std::string amount(double value) {
  if (value >= 1'000) return fmt::format("{:g}k", value / 1'000);
  return fmt::format("{:g}", std::round(value * 10) / 10);
}

// The frame of a chart with 0, a half and the top at its left edge.
void frame(Canvas& canvas, double top) {
  canvas.draw(
      "<path class=\"base\" d=\"M{0} {1:.1f}H{2}\"/><path class=\"rule\" d=\"M{0} "
      "{3:.1f}H{2}M{0} {4:.1f}H{2}\"/>\n",
      Canvas::left, canvas.y + chart_height, Canvas::right, canvas.y, canvas.y + chart_height / 2);
  for (const double share : {1.0, 0.5})
    canvas.draw("<text class=\"scale\" x=\"{}\" y=\"{:.1f}\">{}</text>\n", Canvas::left - 6,
                canvas.y + chart_height * (1 - share) + 4, amount(top * share));
}

// Entries of a legend, in one line above the chart at the right.
void legend(Canvas& canvas, const std::vector<std::pair<std::string_view, std::string_view>>& all) {
  double x = Canvas::right;
  for (auto entry = all.rbegin(); entry != all.rend(); ++entry) {
    x -= static_cast<double>(entry->second.size()) * 6.2 + 26;
    canvas.draw(
        "<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"8\"/><text "
        "class=\"key\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n",
        entry->first, x, canvas.y - 14, x + 16, canvas.y - 6.5, entry->second);
  }
}

struct Change {
  At at{0};
  int by = 1;
};

// A sum over time, sampled at most 800 times.
struct Sum {
  std::vector<std::pair<At, int>> points;
  int most = 0;
};

Sum sum_of(std::vector<Change> changes, At end) {
  std::sort(changes.begin(), changes.end(),
            [](const Change& a, const Change& b) { return a.at < b.at; });
  Sum out;
  int now = 0;
  const At cell{std::max<At::rep>(end.count() / 800, 1)};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    now += changes[i].by;
    out.most = std::max(out.most, now);
    if (i + 1 < changes.size() && changes[i + 1].at / cell == changes[i].at / cell) continue;
    out.points.emplace_back(changes[i].at, now);
  }
  return out;
}

void draw_sum(Canvas& canvas, const Sum& sum, double top, std::string_view css, bool area) {
  const double floor = canvas.y + chart_height;
  std::string path = fmt::format("M{:.1f} {:.1f}", Canvas::left, floor);
  for (const auto& [at, value] : sum.points)
    path += fmt::format("H{:.1f}V{:.1f}", canvas.x(at), floor - chart_height * value / top);
  path += fmt::format("H{:.1f}", Canvas::right);
  if (area) path += fmt::format("V{:.1f}Z", floor);
  canvas.draw("<path class=\"{}\" d=\"{}\"/>\n", css, path);
}

}  // namespace

At bucket_width(At end) {
  constexpr std::array<std::int64_t, 12> widths{250,    500,    1'000,  2'000,   5'000,   10'000,
                                                15'000, 30'000, 60'000, 120'000, 300'000, 600'000};
  for (const std::int64_t width : widths)
    if (end.count() / (width * 1'000) < 400) return Millis{width};
  return At{end.count() / 399 + 1};
}

void draw_requests(Canvas& canvas, const verdict::RunRecord& record) {
  canvas.y += gap;
  const At width = bucket_width(canvas.end);
  const double seconds = static_cast<double>(width.count()) / 1e6;
  const auto buckets = buckets_of(record, canvas.end, width);
  double most = 0;
  for (const Bucket& bucket : buckets)
    most = std::max(most, static_cast<double>(bucket.good + bucket.bad) / seconds);
  const double top = nice_top(most * 1.05);
  canvas.lane_name(canvas.y + 34, "Requests", "per second");
  legend(canvas, {{"good", "answered"}, {"bad", "failed"}});
  frame(canvas, top);
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const Bucket& bucket = buckets[i];
    if (bucket.good + bucket.bad == 0) continue;
    const At from = width * static_cast<std::int64_t>(i);
    const double x = canvas.x(from), w = std::max(canvas.x(from + width) - x - 0.4, 0.5);
    const double good = chart_height * static_cast<double>(bucket.good) / seconds / top;
    const double bad = chart_height * static_cast<double>(bucket.bad) / seconds / top;
    const double floor = canvas.y + chart_height;
    canvas.draw("<g><title>{} s: {} answered, {} failed</title>", since_text(from), bucket.good,
                bucket.bad);
    if (bucket.good > 0)
      canvas.draw(
          "<rect class=\"good\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
          "height=\"{:.1f}\"/>",
          x, floor - good, w, good);
    if (bucket.bad > 0)
      canvas.draw(
          "<rect class=\"bad\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
          "height=\"{:.1f}\"/>",
          x, floor - good - bad, w, std::max(bad, 1.5));
    canvas.out += "</g>\n";
  }
  canvas.y += chart_height + gap;
}

void draw_latency(Canvas& canvas, const verdict::RunRecord& record) {
  const At width = bucket_width(canvas.end);
  auto buckets = buckets_of(record, canvas.end, width);
  double most = 100;
  for (Bucket& bucket : buckets) {
    std::sort(bucket.latencies.begin(), bucket.latencies.end());
    if (!bucket.latencies.empty()) most = std::max(most, bucket.latencies.back());
  }
  const double decades = std::max(2.0, std::ceil(std::log10(most)));  // from 1 ms up
  const auto y = [&](double ms) {
    return canvas.y + chart_height * (1 - std::clamp(std::log10(ms) / decades, 0.0, 1.0));
  };
  canvas.lane_name(canvas.y + 34, "Latency", "log scale");
  legend(canvas, {{"k50", "median"}, {"k95", "95 %"}, {"kmax", "slowest"}});
  canvas.draw("<path class=\"base\" d=\"M{} {:.1f}H{}\"/>\n", Canvas::left, canvas.y + chart_height,
              Canvas::right);
  for (double decade = 0; decade <= decades; ++decade) {
    const double ms = std::pow(10, decade);
    canvas.draw(
        "<path class=\"rule\" d=\"M{0} {1:.1f}H{2}\"/><text class=\"scale\" x=\"{3}\" "
        "y=\"{4:.1f}\">{5}</text>\n",
        Canvas::left, y(ms), Canvas::right, Canvas::left - 6, y(ms) + 4,
        ms >= 1'000 ? fmt::format("{:g} s", ms / 1'000) : fmt::format("{:g} ms", ms));
  }
  std::string median, high, dots;
  bool connected = false;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const std::vector<double>& all = buckets[i].latencies;
    if (all.empty()) {
      connected = false;
      continue;
    }
    const auto at = [&](double share) {
      return all[static_cast<std::size_t>(share * static_cast<double>(all.size() - 1))];
    };
    const double x = canvas.x(width * static_cast<std::int64_t>(i) + width / 2);
    const char command = connected ? 'L' : 'M';
    median += fmt::format("{}{:.1f} {:.1f}", command, x, y(at(0.5)));
    high += fmt::format("{}{:.1f} {:.1f}", command, x, y(at(0.95)));
    dots += fmt::format("M{:.1f} {:.1f}h0", x, y(all.back()));
    connected = true;
  }
  canvas.draw(
      "<path class=\"lmax\" d=\"{}\"/><path class=\"l95\" d=\"{}\"/><path class=\"l50\" "
      "d=\"{}\"/>\n",
      dots, high, median);
  canvas.y += chart_height + gap;
}

void draw_starts(Canvas& canvas, const verdict::RunRecord& record) {
  std::vector<Change> sent, accepted, final_ones;
  for (const verdict::Start& start : record.starts) {
    sent.push_back({start.sent, 1});
    if (start.said == verdict::Said::accepted && start.answered)
      accepted.push_back({*start.answered, 1});
    if (start.final_at) final_ones.push_back({*start.final_at, 1});
  }
  const Sum all = sum_of(std::move(sent), canvas.end);
  const double top = nice_top(all.most);
  canvas.lane_name(canvas.y + 34, "Starts", "in sum");
  legend(canvas, {{"ksent", "sent"}, {"kaccepted", "accepted"}, {"kfinal", "final"}});
  frame(canvas, top);
  draw_sum(canvas, all, top, "lsent", false);
  draw_sum(canvas, sum_of(std::move(accepted), canvas.end), top, "laccepted", false);
  draw_sum(canvas, sum_of(std::move(final_ones), canvas.end), top, "lfinal", false);
  canvas.y += chart_height + gap;
}

void draw_instances(Canvas& canvas, const verdict::RunRecord& record) {
  std::vector<Change> changes;
  if (record.executions_known) {
    for (const verdict::Execution& run : record.executions) {
      changes.push_back({run.started.value_or(run.created), 1});
      if (run.finished) changes.push_back({*run.finished, -1});
    }
  } else {
    for (const verdict::Start& start : record.starts) {
      if (start.said != verdict::Said::accepted || !start.answered) continue;
      changes.push_back({*start.answered, 1});
      if (start.final_at) changes.push_back({*start.final_at, -1});
    }
  }
  const Sum running = sum_of(std::move(changes), canvas.end);
  const double top = nice_top(running.most);
  canvas.lane_name(canvas.y + 34, "Instances",
                   record.executions_known ? "running" : "not yet final");
  frame(canvas, top);
  draw_sum(canvas, running, top, "running", true);
  canvas.y += chart_height + 8;
}

}  // namespace report
