// The Picture as Prometheus metrics: pure. Built afresh for each scrape from the workers' counters,
// so that no counter exists twice. Names, labels and help texts live in metrics.cpp alone, but
// for the label values that stand for enums (metric_names.cpp).
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <string_view>
#include <vector>

#include "app/picture.hpp"

namespace app {

inline constexpr std::string_view metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";

std::vector<prometheus::MetricFamily> metric_families(const Picture& picture);
std::string metrics_text(const Picture& picture);

// Label values of counters that are indexed by an enum.
std::string_view refusal_name(std::size_t index);
std::string_view tunnel_end_name(std::size_t index);
std::string_view start_outcome_name(std::size_t index);

}  // namespace app
