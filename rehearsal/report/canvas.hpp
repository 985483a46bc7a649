// The drawing area of the timeline: one time axis for all lanes, which are laid below each other.
// Pure; lives for one picture.
#pragma once

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "rehearsal/report/report.hpp"
#include "rehearsal/report/text.hpp"

namespace report {

struct Canvas {
  static constexpr double width = 1180, left = 160, right = 1164;

  explicit Canvas(At whole) : end{whole} {}

  double x(At at) const {
    const double share = static_cast<double>(at.count()) / static_cast<double>(end.count());
    return left + (right - left) * (share < 0 ? 0 : share > 1 ? 1 : share);
  }

  template <class... Args>
  void draw(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
  }

  // A lane with a unit is a chart, whose scale stands between its name and the area.
  void lane_name(double line, std::string_view name, std::string_view unit = {}) {
    const double at = left - (unit.empty() ? 10 : 54);
    draw("<text class=\"lane\" x=\"{}\" y=\"{:.1f}\">{}", at, line, escape(name, 16));
    if (!unit.empty()) draw("<tspan class=\"unit\" x=\"{}\" dy=\"14\">{}</tspan>", at, unit);
    out += "</text>\n";
  }

  At end;
  double y = 0;  // where the next lane begins
  std::string out;
};

// How wide a bucket is, so that there are at most 400 of them.
At bucket_width(At end);

void draw_requests(Canvas&, const verdict::RunRecord&);
void draw_latency(Canvas&, const verdict::RunRecord&);
void draw_starts(Canvas&, const verdict::RunRecord&);
void draw_instances(Canvas&, const verdict::RunRecord&);

std::string timeline_svg(const Run&);

}  // namespace report
