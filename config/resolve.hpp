// Presets and inheritance: what was left out of the file becomes a value. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace config {

inline constexpr std::string_view durable_probe_path =
    "/runtime/webhooks/durabletask/instances/understudy-probe";

// Fills Endpoint::{probe, evidence, disagreement} and Failback::effective_healthy_for, adds the
// default listener, then sorts the endpoints by priority. May be called again.
void resolve(Config&);

// The same without the sorting: indexes still are the file's.
void resolve_values(Config&);

// The endpoints' indexes from the best priority to the worst.
std::vector<std::size_t> priority_order(const Config&);

// Which preset an endpoint has when none is written: azure for https, responsive for http.
Preset default_preset(const Url&);

// The preset's values before anything written changes them.
ProbePolicy preset_policy(Preset);
Evidence preset_evidence(Preset);

// An endpoint as if only its name, URL and priority were written (quick_config, tests).
Endpoint make_endpoint(std::string name, Url url, int priority);

}  // namespace config
