#include "durable/app_lease.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace durable {
namespace {

using std::chrono::milliseconds;
using Sure = LeaseOwner::Sure;
using Action = LeaseStep::Action;

std::string text_of(milliseconds time) {
  if (time % std::chrono::seconds{1} != milliseconds{0})
    return std::to_string(time.count()) + " ms";
  return std::to_string(time.count() / 1000) + " s";
}

milliseconds times(milliseconds time, double factor) {
  return milliseconds{
      std::max<std::int64_t>(1, std::llround(static_cast<double>(time.count()) * factor))};
}

}  // namespace

std::string_view to_string(Sure sure) {
  switch (sure) {
    case Sure::likely:
      return "likely";
    case Sure::certain:
      return "certain";
    case Sure::unknown:
      break;
  }
  return "unknown";
}

LeaseTiming LeaseTiming::scaled(double factor) const {
  return {times(lease, factor), times(renew, factor), times(retry, factor), times(stable, factor),
          times(again, factor)};
}

AppLease::AppLease(std::vector<std::string> names, LeaseTiming timing, TimePoint now)
    : names_{std::move(names)}, timing_{timing}, apps_(names_.size(), App{false, now}) {
  owner_ = {Sure::unknown, 0, now, "the proxy has not seen long enough which apps are alive"};
}

// What was seen
// ------------------------------------------------------------------------------------

void AppLease::up(std::size_t endpoint, TimePoint now) {
  settle(now);
  if (apps_[endpoint].alive) return;
  apps_[endpoint] = {true, now};
  if (basis_ == Basis::blocked) {
    unknown(now, names_[endpoint] + " is back: it may hold its lease again");
  } else if (basis_ == Basis::takeover && owner_.sure == Sure::likely && now < takeover_even_) {
    // The lease was free for less than half of the period in which the other one tries once.
    if (before_ == endpoint) {
      owner_ = {Sure::likely, endpoint, now,
                names_[endpoint] + " was back before the next try of " + names_[owner_.endpoint] +
                    " was due"};
      basis_ = Basis::seen;
    } else {
      unknown(now, names_[endpoint] + " is back, and nobody was known to own the lease before");
    }
  }
}

void AppLease::down(std::size_t endpoint, TimePoint now) {
  settle(now);
  if (apps_[endpoint].alive) apps_[endpoint] = {false, now};
}

void AppLease::http_at(std::optional<std::size_t> endpoint, TimePoint now) {
  settle(now);
  if (http_ == endpoint) return;
  http_ = endpoint;
  http_since_ = now;
  sent_ = 0;
}

void AppLease::makeprimary_sent(std::size_t, TimePoint now) {
  settle(now);
  ++sent_;
  sent_at_ = now;
}

void AppLease::makeprimary_accepted(std::size_t endpoint, TimePoint now) {
  settle(now);
  const bool has_it = owner_.endpoint == endpoint && owner_.sure == Sure::certain;
  if (has_it && apps_[endpoint].alive) return;
  TimePoint gone = TimePoint::max();  // the earliest death of an app that may have owned the lease
  for (std::size_t i = 0; i < apps_.size(); ++i) {
    const bool owner_elsewhere =
        owner_.sure != Sure::unknown && owner_.endpoint != i && apps_[owner_.endpoint].alive;
    if (i != endpoint && !apps_[i].alive && !owner_elsewhere) gone = std::min(gone, apps_[i].since);
  }
  const bool took_over = basis_ == Basis::takeover && owner_.endpoint == endpoint;
  if (took_over) gone = before_ ? apps_[*before_].since : sole_gone_;
  if (gone != TimePoint::max() && now - gone > timing_.lease - timing_.renew) {
    unknown(now,
            "makeprimary was sent to " + names_[endpoint] + " " +
                text_of(std::chrono::duration_cast<milliseconds>(now - gone)) +
                " after another app went away: if the lease had run out by then, no app gets it "
                "until that app is back");
    basis_ = Basis::blocked;
    return;
  }
  owner_ = {Sure::likely, endpoint, now, "makeprimary was accepted by " + names_[endpoint]};
  basis_ = Basis::makeprimary;
  before_.reset();
}

// What follows from it
// -----------------------------------------------------------------------------

void AppLease::unknown(TimePoint now, std::string why) {
  owner_ = {Sure::unknown, 0, now, std::move(why)};
  basis_ = Basis::seen;
  before_.reset();
}

bool AppLease::all_alive() const {
  return std::all_of(apps_.begin(), apps_.end(), [](const App& app) { return app.alive; });
}

std::optional<AppLease::Sole> AppLease::sole_survivor() const {
  std::optional<Sole> sole;
  TimePoint gone = TimePoint::min();
  for (std::size_t i = 0; i < apps_.size(); ++i) {
    if (!apps_[i].alive) {
      gone = std::max(gone, apps_[i].since);
    } else if (sole) {
      return std::nullopt;
    } else {
      sole = Sole{i, {}, {}, {}};
    }
  }
  if (!sole || apps_.size() < 2) return std::nullopt;
  const TimePoint alive = apps_[sole->app].since;
  sole->others_gone = gone;
  // The last renewal of the dead owner was up to one renewal period before its end. An app that
  // starts tries at once.
  sole->earliest = std::max(alive, gone + timing_.lease - timing_.renew);
  sole->latest = std::max(alive, gone) + timing_.lease + timing_.retry;
  return sole;
}

void AppLease::settle(TimePoint now) {
  if (basis_ == Basis::blocked) return;
  const bool known = owner_.sure != Sure::unknown;
  if (basis_ == Basis::makeprimary && owner_.sure == Sure::likely &&
      now >= owner_.since + timing_.renew && apps_[owner_.endpoint].alive) {
    owner_.sure = Sure::certain;
    owner_.why += ", and the old owner's renewal has come by";
  }
  const auto sole = sole_survivor();
  if (sole && now >= sole->earliest) {
    const std::string& name = names_[sole->app];
    if (!known || owner_.endpoint != sole->app) {
      before_ = known ? std::optional{owner_.endpoint} : std::nullopt;
      owner_ = {Sure::likely, sole->app, sole->earliest,
                name + " is the only app alive and takes the lease at its next try, within " +
                    text_of(timing_.lease + timing_.retry) + " of the other's end"};
      basis_ = Basis::takeover;
      sole_gone_ = sole->others_gone;
      takeover_even_ = sole->earliest + timing_.retry / 2;
    }
    if (now >= sole->latest && owner_.sure == Sure::likely) {
      owner_.sure = Sure::certain;
      owner_.why = name + " has been the only app alive for longer than " +
                   text_of(timing_.lease + timing_.retry);
      basis_ = Basis::seen;
    }
    return;
  }
  if (known && !apps_[owner_.endpoint].alive && !sole &&
      now >= apps_[owner_.endpoint].since + timing_.lease) {
    const bool any = std::any_of(apps_.begin(), apps_.end(), [](const App& a) { return a.alive; });
    const std::string gone = "the lease of " + names_[owner_.endpoint] + " has run out";
    unknown(apps_[owner_.endpoint].since + timing_.lease,
            gone + (any ? ", and more than one app may take it" : ", and no app is alive"));
  }
}

std::string AppLease::unsafe_because(TimePoint now) const {
  if (apps_.size() < 2) return "there is only one app";
  for (std::size_t i = 0; i < apps_.size(); ++i)
    if (!apps_[i].alive)
      return names_[i] +
             " does not answer: on a lease that has run out, makeprimary could keep every "
             "app from getting it";
  for (std::size_t i = 0; i < apps_.size(); ++i)
    if (now < apps_[i].since + timing_.renew)
      return names_[i] + " has been back for less than " + text_of(timing_.renew) +
             ": the lease may not be held by anybody yet";
  return "";
}

LeasePicture AppLease::picture(TimePoint now) const {
  AppLease at_now = *this;  // small: names and a few times, asked for a few times a second at most
  at_now.settle(now);
  LeasePicture picture;
  picture.owner = at_now.owner_;
  LeaseOwner& owner = picture.owner;
  if (owner.sure != Sure::unknown && !apps_[owner.endpoint].alive) {
    owner.sure = Sure::likely;
    owner.why = names_[owner.endpoint] + " does not answer, but its lease has not run out";
  }
  picture.http = http_;
  picture.split = http_ && owner.sure != Sure::unknown && owner.endpoint != *http_;
  const std::string unsafe = unsafe_because(now);
  picture.makeprimary_safe = unsafe.empty();
  picture.makeprimary_why = unsafe.empty() ? "all apps are alive" : unsafe;

  const auto later = [&](TimePoint time) {
    if (time > now && (!picture.next_change || time < *picture.next_change))
      picture.next_change = time;
  };
  if (const auto sole = sole_survivor(); sole && at_now.basis_ != Basis::blocked) {
    later(sole->earliest);
    later(sole->latest);
  }
  if (owner.sure != Sure::unknown && !apps_[owner.endpoint].alive)
    later(apps_[owner.endpoint].since + timing_.lease);
  if (at_now.basis_ == Basis::makeprimary) later(owner.since + timing_.renew);
  if (all_alive())
    for (const App& app : apps_) later(app.since + timing_.renew);
  if (picture.split) later(http_since_ + timing_.stable);
  if (picture.split && sent_ > 0) later(sent_at_ + timing_.again);
  return picture;
}

LeaseStep AppLease::decide(config::LeaseFollow follow, TimePoint now) const {
  if (follow == config::LeaseFollow::never) return {};
  const LeasePicture seen = picture(now);
  if (!seen.split) return {};
  LeaseStep step{Action::nothing, *seen.http, ""};
  const std::string& here = names_[*seen.http];
  if (!seen.makeprimary_safe) {
    step.why = seen.makeprimary_why;
    return step;
  }
  const std::string split =
      "HTTP goes to " + here + ", orchestrations run at " + names_[seen.owner.endpoint];
  if (follow == config::LeaseFollow::ask) return {Action::suggest, *seen.http, split};
  if (sent_ >= most_makeprimary_tries)
    return {Action::suggest, *seen.http,
            split + "; " + std::to_string(sent_) + " makeprimary calls did not change that"};
  if (now < http_since_ + timing_.stable) {
    step.why = "HTTP has been at " + here + " for less than " + text_of(timing_.stable);
    return step;
  }
  if (sent_ > 0 && now < sent_at_ + timing_.again) {
    step.why = "the last makeprimary is less than " + text_of(timing_.again) + " ago";
    return step;
  }
  return {Action::send_makeprimary, *seen.http, split};
}

}  // namespace durable
