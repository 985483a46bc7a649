// Texts of a report. What servers and files said is put into HTML, XML and Markdown only through
// these. Pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "rehearsal/verdict/record.hpp"

namespace report {

using verdict::At;
using verdict::Millis;

// Valid UTF-8 that may stand in XML, on one line: bytes of no character, control characters and
// those that turn the direction of writing become U+FFFD, line breaks become spaces.
std::string clean(std::string_view text);

// Also cut to about `most` bytes, and with & < > " ' written as entities: for HTML and XML.
inline constexpr std::size_t longest = 600;
std::string escape(std::string_view text, std::size_t most = longest);

// For Markdown, in a cell of a table too.
std::string escape_markdown(std::string_view text, std::size_t most = longest);

std::string time_text(Millis);  // 85 ms, 1.25 s, 4 min 5 s
std::string time_text(const std::optional<Millis>&, std::string_view without = "–");
std::string since_text(At);                 // seconds since the start: 12.345
std::string utc_text(verdict::WallTime);    // 2026-11-24 02:37:29.123
std::string clock_text(verdict::WallTime);  // 02:37:29.123
std::string bytes_text(std::uint64_t);
std::string count_text(std::int64_t count, std::string_view one, std::string_view many);
std::string upper(std::string_view);

}  // namespace report
