// Which app runs the orchestrations of a shared hub. No HTTP call answers that, so it is concluded
// from what the proxy sees (which apps answer, since when, and which makeprimary was accepted) and
// from the lease's documented timing. A conclusion says how sure it is and why.
// A model without a clock: every call takes `now`, which never goes back. Owned by the control
// thread; one per profile with a shared or geo-replicated hub.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace durable {

using TimePoint = std::chrono::steady_clock::time_point;

struct LeaseTiming {
  std::chrono::milliseconds lease{60'000};   // how long a lease outlives its owner
  std::chrono::milliseconds renew{25'000};   // the owner's period; also when a loser notices
  std::chrono::milliseconds retry{300'000};  // how often an app without the lease tries
  std::chrono::milliseconds stable{30'000};  // HTTP has stayed this long before `auto` follows
  std::chrono::milliseconds again{60'000};   // before a failed makeprimary is sent once more
  LeaseTiming scaled(double factor) const;   // rehearsals shorten all of them alike
};

struct LeaseOwner {
  enum class Sure : std::uint8_t { unknown, likely, certain };
  Sure sure = Sure::unknown;
  std::size_t endpoint = 0;  // meaningful unless unknown
  TimePoint since{};         // since when this is the conclusion
  std::string why;           // a sentence
};
std::string_view to_string(LeaseOwner::Sure);

struct LeasePicture {
  LeaseOwner owner;
  std::optional<std::size_t> http;  // the active endpoint
  bool split = false;               // HTTP at one app, orchestrations at another: both known
  bool makeprimary_safe = false;
  std::string makeprimary_why;             // why (not)
  std::optional<TimePoint> next_change{};  // when time alone may change this picture
};

struct LeaseStep {
  enum class Action : std::uint8_t { nothing, suggest, send_makeprimary };
  Action action = Action::nothing;
  std::size_t endpoint = 0;
  std::string why;
};

class AppLease {
 public:
  // At start nothing is known; endpoints count as down until `up` is called for them.
  AppLease(std::vector<std::string> names, LeaseTiming timing, TimePoint now);

  void up(std::size_t endpoint, TimePoint now);
  void down(std::size_t endpoint, TimePoint now);
  void http_at(std::optional<std::size_t> endpoint, TimePoint now);

  // A makeprimary of anybody's, ours or a client's, that the app at `endpoint` accepted (2xx).
  void makeprimary_accepted(std::size_t endpoint, TimePoint now);
  // `decide` said send, and it was sent; a failure is simply not followed by `accepted`.
  void makeprimary_sent(std::size_t endpoint, TimePoint now);

  LeasePicture picture(TimePoint now) const;
  LeaseStep decide(config::LeaseFollow follow, TimePoint now) const;

 private:
  struct App {
    bool alive = false;
    TimePoint since{};  // of alive
  };
  struct Sole {
    std::size_t app = 0;
    TimePoint others_gone{}, earliest{}, latest{};
  };
  enum class Basis : std::uint8_t {
    seen,         // nothing is going on
    takeover,     // the sole survivor is about to take the lease, or has
    makeprimary,  // to be confirmed by the loser's next renewal
    blocked,      // a makeprimary may have met a lease that had run out: nobody can get it
  };
  void settle(TimePoint now);  // what time alone has decided up to now
  void unknown(TimePoint now, std::string why);
  std::optional<Sole> sole_survivor() const;
  bool all_alive() const;
  std::string unsafe_because(TimePoint now) const;  // empty: safe

  std::vector<std::string> names_;
  LeaseTiming timing_;
  std::vector<App> apps_;
  LeaseOwner owner_;
  Basis basis_ = Basis::seen;
  // Of a takeover:
  std::optional<std::size_t> before_;  // the owner before, when it was known
  TimePoint sole_gone_{};              // when the last of the others went away
  TimePoint takeover_even_{};          // by then it has happened as likely as not
  std::optional<std::size_t> http_;
  TimePoint http_since_{};
  int sent_ = 0;  // makeprimary calls since HTTP moved
  TimePoint sent_at_{};
};

inline constexpr int most_makeprimary_tries = 3;  // per move of HTTP

}  // namespace durable
