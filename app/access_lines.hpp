// Finished requests as lines of the access log, many to a batch. The one formatter that is written
// by hand: at tens of thousands of lines a second a format string costs more than the proxying.
// Control thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "config/config.hpp"
#include "proxy/request_record.hpp"

namespace app {

class AccessLines {
 public:
  explicit AccessLines(config::LogFormat format) : format_{format} {}

  using NameOf = std::function<std::string_view(routing::EndpointId)>;

  // An endpoint's name is cut at 128 bytes. After `full`, `clear` comes before the next line.
  void add(const proxy::RequestRecord& record, const NameOf& name_of);

  bool full() const { return size_ >= batch; }
  std::string_view text() const { return {buffer_.get(), size_}; }  // no line feed at its end
  void clear() { size_ = 0; }

 private:
  static constexpr std::size_t batch = 64 * 1024;
  static constexpr std::size_t longest_line = 8 * 1024;  // every byte of a path as \u00xx

  char* add_text(char* at, const proxy::RequestRecord& record, const NameOf& name_of);
  char* add_json(char* at, const proxy::RequestRecord& record, const NameOf& name_of);
  char* add_time(char* at, std::int64_t wall_us);

  config::LogFormat format_;
  std::unique_ptr<char[]> buffer_;
  std::size_t size_ = 0;
  std::int64_t second_ = -1;  // what `stamp_` shows
  std::array<char, 20> stamp_{};
};

}  // namespace app
