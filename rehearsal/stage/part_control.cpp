#include "rehearsal/stage/part_control.hpp"

#include <algorithm>
#include <utility>

#include "rehearsal/stage/call.hpp"

namespace stage {

namespace asio = boost::asio;
using scenario::Fault;
using scenario::FaultKind;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t longest_words = 300;

std::string mode_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::refuse:
      return "refuse";
    case FaultKind::reset:
      return "reset";
    case FaultKind::blackhole:
    case FaultKind::unreachable:  // what is sent into a broken path is lost without a word
      return "blackhole";
    case FaultKind::answer:
      return "answer";
    default:
      return {};
  }
}

}  // namespace

asio::awaitable<std::string> control(std::string part, std::string url) {
  Call command;
  command.method = "POST";
  command.url = url;
  const Answer answer = co_await call(command);
  if (answer.status >= 200 && answer.status < 300) co_return std::string{};
  std::string problem = part + " did not take " + url.substr(0, url.find('?')) + ": ";
  problem += answer.status == 0 ? answer.problem
                                : "status " + std::to_string(answer.status) + " " +
                                      answer.body.substr(0, longest_words);
  co_return problem;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view{"-._~/"}.find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

std::string answer_command(const Fault& fault) {
  std::string command = "fail?status=" + std::to_string(fault.status);
  if (fault.times > 0) command += "&times=" + std::to_string(fault.times);
  if (!fault.path.empty()) command += "&path=" + percent_encoded(fault.path);
  return command;
}

void LinkWish::add(const Fault& fault) {
  if (std::string mode = mode_of(fault.kind); !mode.empty()) {
    mode_ = std::move(mode);
    of_mode_ = fault;
  } else if (fault.kind == FaultKind::delay) {
    delay_ += fault.by;
    jitter_ += fault.jitter;
  } else if (fault.kind == FaultKind::limit) {
    rate_ = rate_ == 0 ? fault.rate : std::min(rate_, fault.rate);
  } else if (fault.kind == FaultKind::slow) {
    first_byte_delay_ += fault.by;
  } else if (fault.kind == FaultKind::cut_body) {
    cut_after_ = fault.bytes;
    cut_times_ = fault.times;
  }
}

std::string LinkWish::query() const {
  std::string out;
  const auto say = [&out](const char* name, const std::string& value) {
    out += (out.empty() ? "" : "&") + std::string{name} + "=" + value;
  };
  if (!mode_.empty()) say("mode", mode_);
  if (delay_ > 0ms) say("delay", std::to_string(delay_.count()) + "ms");
  if (jitter_ > 0ms) say("jitter", std::to_string(jitter_.count()) + "ms");
  if (rate_ > 0) say("rate", std::to_string(rate_));
  if (cut_after_ > 0) say("cut_after", std::to_string(cut_after_));
  if (first_byte_delay_ > 0ms)
    say("first_byte_delay", std::to_string(first_byte_delay_.count()) + "ms");
  std::int64_t times = cut_times_;
  if (mode_ == "answer" || mode_ == "reset") times = of_mode_.times;
  if (mode_ == "answer") {
    say("status", std::to_string(of_mode_.status));
    if (!of_mode_.path.empty()) say("path", percent_encoded(of_mode_.path));
  }
  if (times > 0) say("times", std::to_string(times));
  return out;
}

}  // namespace stage
