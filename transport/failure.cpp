#include "transport/failure.hpp"

#include <stdexcept>

namespace transport {

std::string_view to_string(FailureKind kind) {
  switch (kind) {
    case FailureKind::resolve:
      return "resolve";
    case FailureKind::connect:
      return "connect";
    case FailureKind::tls:
      return "tls";
    case FailureKind::timed_out:
      return "timed_out";
    case FailureKind::reset:
      return "reset";
    case FailureKind::closed:
      return "closed";
    case FailureKind::protocol:
      return "protocol";
    case FailureKind::too_large:
      return "too_large";
    case FailureKind::canceled:
      return "canceled";
  }
  return "unknown";
}

std::string to_string(const Failure& failure) {
  std::string text{to_string(failure.kind)};
  if (failure.cause) text += ": " + failure.cause.message();
  if (!failure.detail.empty()) text += " (" + failure.detail + ")";
  return text;
}

void throw_exception_from_error(const Failure& failure, const boost::source_location&) {
  throw std::runtime_error(to_string(failure));
}

}  // namespace transport
