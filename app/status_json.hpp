// The Picture as the JSON of the admin API (`/api/status`, `/api/events`): pure. The command line
// reads the same JSON back, so that it works against any proxy of the same version.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>

#include "app/picture.hpp"

namespace app {

nlohmann::ordered_json status_json(const Picture& picture);
nlohmann::ordered_json events_json(std::span<const Event> events);

}  // namespace app
