#include "simulated_world.hpp"

#include <algorithm>
#include <utility>

namespace simulation {
namespace {

using namespace ledger;  // NOLINT(google-build-using-namespace): it lives in its rule
using config::Millis;
using config::Peer;

constexpr Time second = 1000, minute = 60 * second;
constexpr Time faults_end = 2 * minute;
constexpr Time frozen_for_long = 8 * minute;
constexpr Time the_end = 60 * minute;

// What an app may still do after its front end or socket has ended a connection; below
// settle_after.
constexpr Time direct_work = 1500, gateway_work = 200 * second;

std::string name(std::size_t app) {
  return app == 0 ? "A" : "B";
}

struct Describe {
  std::string operator()(const Commit&) const { return "commit, then"; }
  std::string operator()(const Save&) const { return {}; }
  std::string operator()(const Send& e) const {
    return "send attempt " + std::to_string(e.attempt) + " to " + name(e.place) +
           (e.live ? "" : " (replay)");
  }
  std::string operator()(const LookUp& e) const { return "look at " + name(e.place); }
  std::string operator()(const KeepConnection& e) const {
    return "keep connection " + std::to_string(e.attempt);
  }
  std::string operator()(const CloseConnection&) const { return {}; }
  std::string operator()(const Answer& e) const {
    return "answer " + std::string{to_string(e.what)};
  }
  std::string operator()(const AnswerTerminate&) const { return "terminate noted"; }
  std::string operator()(const SendTerminate& e) const { return "terminate at " + name(e.place); }
  std::string operator()(const Settle& e) const {
    return "SETTLED " + std::string{to_string(e.how)};
  }
  std::string operator()(const MarkPossibleDuplicate&) const { return "mark possible duplicate"; }
  std::string operator()(const List& e) const { return "list " + std::string{to_string(e.why)}; }
  std::string operator()(const Alert& e) const { return "alert " + std::string{to_string(e.kind)}; }
  std::string operator()(const DropBody&) const { return {}; }
  std::string operator()(const Wake&) const { return {}; }
};

}  // namespace

World::World(std::uint64_t seed, bool verbose) : random_{seed}, verbose_{verbose} {
  layout_ = chance(50) ? config::TaskHub::shared : config::TaskHub::per_region;
  const bool gateways = chance(40);
  for (std::size_t i = 0; i < apps_.size(); ++i) {
    apps_[i].peer = gateways ? Peer::gateway : Peer::direct;
    views_[i].place = static_cast<Place>(i);
    views_[i].peer = apps_[i].peer;
    views_[i].has_key = true;
  }
  settings_.queue_starts = chance(40);
  settings_.give_up = chance(25) ? config::GiveUp::resubmit : config::GiveUp::list;
  if (chance(30)) settings_.give_up_after = Millis{roll(30, 600) * second};
  if (chance(20)) settings_.max_wait = Millis{roll(10, 120) * second};
  hub_retention_ = chance(5) ? Millis{5 * minute} : Millis{7 * 24 * 60 * minute};
  hub_offset_ = roll(-3000, 0);
  const int starts = static_cast<int>(roll(1, 3));
  for (int i = 0; i < starts; ++i) {
    Client client;
    const auto kind = roll(0, 3);
    if (kind == 1 || kind == 2) {
      client.origin = IdOrigin::client;
      client.id = "order-" + std::to_string(i);
    } else if (kind == 3) {
      client.origin = IdOrigin::derived;
      client.key = "key-" + std::to_string(i);
    }
    if (client.origin == IdOrigin::client && chance(30)) {  // an earlier run of the id is over
      const Time before = chance(50) ? roll(0, 6 * second) : roll(10 * second, 60 * minute);
      hubs_[static_cast<std::size_t>(layout_ == config::TaskHub::shared ? 0 : roll(0, 1))]
           [client.id] = Run{-before - 2 * second, -before - 1 * second};
    }
    clients_.push_back(client);
    const Time when = roll(0, faults_end - 30 * second);
    starts_.push_back(when);
    at(when, [this, i] { ask(i); });
  }
  schedule_faults();
}

void World::play() {
  while (!agenda_.empty() && agenda_.top().when <= the_end) {
    auto what = std::move(const_cast<Due&>(agenda_.top()).what);
    now_ = agenda_.top().when;
    agenda_.pop();
    what();
  }
}

// --- clockwork ---

void World::at(Time when, std::function<void()> what) {
  agenda_.push(Due{std::max(when, now_), sequence_++, std::move(what)});
}
Time World::roll(Time low, Time high) {
  return low + static_cast<Time>(random_() % static_cast<std::uint64_t>(high - low + 1));
}
bool World::chance(int percent) {
  return roll(1, 100) <= percent;
}
void World::say(std::uint64_t entry, const std::string& what) {
  if (!verbose_ || what.empty()) return;
  const std::string ms = std::to_string(now_ % second);
  story_.push_back(std::to_string(now_ / second) + "." + std::string(3 - ms.size(), '0') + ms +
                   (entry == 0 ? "      " : "  #" + std::to_string(entry) + "  ") + what);
}
TimePoint World::steady(Time t) const {
  return TimePoint{std::chrono::hours{1000}} + Millis{t};
}
WallTime World::wall() const {
  return WallTime{Millis{1'800'000'000'000 + now_ + wall_offset_}};
}
WallTime World::hub_wall(Time t) const {  // hubs write whole seconds
  const Time ms = 1'800'000'000'000 + t + hub_offset_;
  return WallTime{Millis{ms - ms % second}};
}

// --- faults ---

// Most of them shortly before or after a start: that is where they hurt.
Time World::a_bad_moment() {
  if (chance(20)) return roll(0, faults_end);
  const auto which = static_cast<std::size_t>(roll(0, static_cast<Time>(starts_.size()) - 1));
  const Time reach = chance(50) ? 2 * second : 20 * second;
  return std::max<Time>(0, starts_[which] + roll(-reach, 2 * reach));
}

void World::schedule_faults() {
  for (std::size_t app = 0; app < apps_.size(); ++app)
    if (app == 0 || chance(40)) schedule_app_faults(app);
  if (chance(40)) {
    const Time from = a_bad_moment();
    at(from, [this] { die(); });
    at(from + roll(100, 20 * second), [this] { come_back(); });
  }
  if (chance(15)) {
    const Time from = a_bad_moment();
    at(from, [this] {
      disk_full_ = true;
      say(0, "disk full");
    });
    at(from + roll(second, 30 * second), [this] {
      disk_full_ = false;
      say(0, "disk has room");
      for (auto& [number, live] : entries_)
        if (!live.committing) save(live.entry);
    });
  }
  if (chance(10))
    at(a_bad_moment(), [this] {
      const Time by =
          roll(0, 1) == 0 ? roll(-60 * minute, -10 * second) : roll(10 * second, 60 * minute);
      wall_offset_ += by;
      say(0, "the proxy's clock steps by " + std::to_string(by) + " ms");
      if (up_) everyone(ClockStepped{Millis{by}});
    });
}

void World::schedule_app_faults(std::size_t app) {
  const int times = static_cast<int>(roll(app == 0 ? 1 : 0, 4));
  for (int i = 0; i < times; ++i) {
    const Time from = a_bad_moment();
    Time length = roll(200, 30 * second);
    switch (roll(0, 3)) {
      case 0:
        at(from, [this, app] { crash(app); });
        at(from + length, [this, app] {
          apps_[app].crashed = false;
          mood_changed(app);
          say(0, name(app) + " is up again");
        });
        break;
      case 1:
        if (chance(35)) length = roll(length, frozen_for_long);
        [[fallthrough]];
      case 2:
        at(from, [this, app] { set_frozen(app, true); });
        at(from + length, [this, app] { set_frozen(app, false); });
        break;
      default:
        at(from, [this, app] { set_cut(app, true); });
        at(from + length, [this, app] { set_cut(app, false); });
    }
  }
}

void World::crash(std::size_t app) {
  App& it = apps_[app];
  it.crashed = true;
  it.crashed_at = now_;
  it.frozen = false;
  it.socket.clear();  // and with it every wire's delivered work: life changes
  ++it.life;
  say(0, name(app) + " crashes");
  AttemptReport gone;  // its kernel, or its front end, says so
  gone.ending = it.peer == Peer::direct ? AttemptEnding::peer_reset : AttemptEnding::answered;
  gone.status = it.peer == Peer::direct ? 0 : 502;
  for (const auto& held : wires_)
    if (const auto wire = held.lock(); wire && wire->app == app)
      at(now_ + 1, [this, wire, gone] { end(wire, gone); });
  mood_changed(app);
}

void World::set_frozen(std::size_t app, bool frozen) {
  App& it = apps_[app];
  if (it.crashed || it.frozen == frozen) return;
  it.frozen = frozen;
  say(0, name(app) + (frozen ? " freezes" : " thaws"));
  mood_changed(app);
  if (!frozen) thaw(app);
}

void World::set_cut(std::size_t app, bool cut) {
  App& it = apps_[app];
  it.cut = cut;
  say(0, "link to " + name(app) + (cut ? " swallows everything" : " heals"));
  mood_changed(app);
}

void World::thaw(std::size_t app) {
  auto work = std::exchange(apps_[app].socket, {});
  for (auto& one : work) one();
}

// Health notices after a while; the monitor and its delays are not what is tested here.
void World::mood_changed(std::size_t app) {
  App& it = apps_[app];
  const auto mood = ++it.mood;
  if (it.good()) it.good_since = now_;
  const bool good = it.good();
  at(now_ + (good ? roll(second, 4 * second) : roll(500, 3 * second)), [this, app, good, mood] {
    App& later = apps_[app];
    if (later.mood != mood) return;
    if (good)
      later.degraded_since = -1;
    else if (later.degraded_since < 0)
      later.degraded_since = now_;
    say(0, name(app) + (good ? " Online" : " Degraded"));
    everyone(EndpointsChanged{});
  });
}

// --- what apps do with a request ---

std::map<std::string, Run>& World::hub(std::size_t app) {
  return hubs_[layout_ == config::TaskHub::shared ? 0 : app];
}

void World::deliver(const WirePtr& wire) {
  App& app = apps_[wire->app];
  if (app.life != wire->app_life || app.crashed) return;
  const Time work =
      app.peer == Peer::gateway && chance(10) ? roll(0, gateway_work) : roll(1, direct_work);
  if (app.frozen) {
    say(wire->entry, "lies in the socket of " + name(wire->app));
    app.socket.emplace_back([this, wire] { execute(wire, roll(1, second)); });
    return;
  }
  execute(wire, work);
}

void World::execute(const WirePtr& wire, Time work) {
  at(now_ + work, [this, wire] { finish_work(wire); });
}

void World::finish_work(const WirePtr& wire) {
  App& app = apps_[wire->app];
  if (app.life != wire->app_life || app.crashed) return;
  if (app.frozen) {
    app.socket.emplace_back([this, wire] { finish_work(wire); });
    return;
  }
  AttemptReport report;
  Run& known = hub(wire->app)[wire->id];
  if (wire->bad_request) {
    report.status = 400;
    if (known.over == 0) hub(wire->app).erase(wire->id);
  } else if (known.over > now_) {
    report.status = 500;
    report.says_exists = true;
    say(wire->entry, name(wire->app) + " says that it exists");
  } else {
    known = Run{now_, now_ + roll(500, 20 * second)};
    ++truths_[wire->entry].runs;
    report.status = 202;
    say(wire->entry, "RUNS at " + name(wire->app));
    if (chance(5)) {  // started, and then the handler failed
      report.status = 500;
    }
  }
  if (app.cut) return;  // the answer is lost; our timeout ends it
  at(now_ + roll(1, 20), [this, wire, report] { end(wire, report); });
}

// --- the proxy ---

Policy World::policy() {
  bool any_good = false;
  for (const App& app : apps_) any_good = any_good || app.degraded_since < 0;
  for (std::size_t i = 0; i < apps_.size(); ++i) {
    const App& app = apps_[i];
    EndpointView& seen = views_[i];
    seen.degraded_since.reset();
    if (app.degraded_since >= 0) seen.degraded_since = steady(app.degraded_since);
    seen.usable = app.degraded_since < 0 || !any_good;
    if (app.crashed && app.peer == Peer::direct && !app.cut)
      seen.refused = steady(now_ - 100 > app.crashed_at ? now_ - 100 : app.crashed_at);
    const Time probe = now_ - 500;
    if (app.good() && probe > app.good_since) {
      seen.pass_opened = steady(probe);
      seen.passed = steady(probe + 5);
    }
  }
  return Policy{settings_, layout_, hub_retention_, views_};
}

void World::everyone(const Event& what) {
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, live] : entries_) numbers.push_back(number);
  for (const auto number : numbers) event(number, what);
}

void World::event(std::uint64_t entry, Event what) {
  const auto found = entries_.find(entry);
  if (!up_ || found == entries_.end()) return;
  if (found->second.committing)
    found->second.pending.push_back(std::move(what));
  else
    step(entry, what);
}

void World::step(std::uint64_t entry, const Event& what) {
  const Policy now_policy = policy();
  perform(entry, apply(entries_[entry].entry, what, now_policy, Now{steady(now_), wall()}), 0);
}

void World::perform(std::uint64_t entry, const Effects& effects, std::size_t from) {
  for (std::size_t i = from; i < effects.size(); ++i) {
    const Effect& effect = effects[i];
    say(entry, std::visit(Describe{}, effect));
    const auto epoch = epoch_;
    if (std::holds_alternative<Commit>(effect))
      return commit(entry, {effects.begin() + static_cast<std::ptrdiff_t>(i) + 1, effects.end()});
    if (std::holds_alternative<Save>(effect)) {
      at(now_ + roll(0, 200), [this, entry, epoch] {
        if (epoch == epoch_) save(entries_[entry].entry);
      });
    } else if (const auto* send_it = std::get_if<Send>(&effect)) {
      send(entry, *send_it);
    } else if (const auto* look_it = std::get_if<LookUp>(&effect)) {
      look(entry, look_it->place);
    } else if (const auto* answer = std::get_if<Answer>(&effect)) {
      tell(entry, answer->what, answer->attempt);
    } else if (const auto* noted = std::get_if<AnswerTerminate>(&effect)) {
      truths_[entry].terminate_noted = truths_[entry].terminate_noted || noted->taken;
    } else if (const auto* end_it = std::get_if<SendTerminate>(&effect)) {
      terminate(entry, end_it->place);
    } else if (const auto* wake = std::get_if<Wake>(&effect)) {
      const auto token = ++entries_[entry].wake;
      const Time when = std::chrono::duration_cast<Millis>(wake->at - steady(0)).count();
      at(when, [this, entry, token, epoch] {
        if (epoch == epoch_ && entries_.contains(entry) && entries_[entry].wake == token)
          event(entry, TimeCame{});
      });
    }
  }
}

void World::commit(std::uint64_t entry, Effects held) {
  Live& live = entries_[entry];
  live.committing = true;
  const StartEntry row = live.entry;
  const auto epoch = epoch_;
  at(now_ + roll(0, 8), [this, entry, row, epoch, held = std::move(held)] {
    if (epoch != epoch_) {  // the proxy died meanwhile: it may have reached the disk or not
      return;
    }
    Live& later = entries_[entry];
    later.committing = false;
    if (disk_full_) {
      say(entry, "the commit fails");
      step(entry, CommitFailed{held});
    } else {
      save(row);
      perform(entry, held, 0);
    }
    while (!later.committing && !later.pending.empty()) {
      const Event next = later.pending.front();
      later.pending.pop_front();
      step(entry, next);
    }
  });
}

void World::save(const StartEntry& entry) {
  if (disk_full_) return;
  store_[entry.number] = entry;
}

void World::die() {
  if (!up_) return;
  say(0, "the proxy is killed");
  for (auto& [number, live] : entries_) {
    // A group commit under way may have reached the disk or not.
    if (live.committing && chance(50)) save(live.entry);
    const auto stored = store_.find(number);
    const bool written = stored != store_.end() && !is_open(stored->second);
    Truth& truth = truths_[number];
    // Told on a full disk, and killed before there was room: no memory of it is left.
    if (!written && truth.denied && disk_full_) truth.refusal_unwritten = true;
  }
  up_ = false;
  ++epoch_;
  entries_.clear();
  for (std::size_t i = 0; i < clients_.size(); ++i)
    if (clients_[i].waiting) {
      clients_[i].waiting = false;
      try_again(static_cast<int>(i));
    }
}

void World::come_back() {
  if (up_) return;
  up_ = true;
  say(0, "the proxy is back");
  for (const auto& [number, row] : store_) entries_[number].entry = row;
  everyone(Restarted{});
}

void World::send(std::uint64_t entry, const Send& what) {
  const auto wire = std::make_shared<Wire>();
  wires_.push_back(wire);
  wire->entry = entry;
  wire->epoch = epoch_;
  wire->attempt = what.attempt;
  wire->app = what.place;
  wire->app_life = apps_[wire->app].life;
  wire->id = entries_[entry].entry.id;
  wire->bad_request = entries_[entry].entry.function == "unknown-function";
  const StartEntry& row = entries_[entry].entry;
  Truth& truth = truths_[entry];
  truth.sent_after_terminate = truth.sent_after_terminate || truth.terminate_noted;
  truth.sent_for_nobody = truth.sent_for_nobody || (!what.live && row.told == Told::nothing &&
                                                    row.origin == IdOrigin::assigned);
  App& app = apps_[wire->app];
  // Some day our own patience ends, or a bound closes what was kept.
  AttemptReport timeout;
  timeout.ending = AttemptEnding::timed_out;
  at(now_ + roll(15, 300) * second, [this, wire, timeout] { end(wire, timeout); });
  if (app.crashed || app.cut) return send_to_bad_app(wire, app);
  AttemptReport broken;
  broken.ending = chance(50) ? AttemptEnding::peer_reset : AttemptEnding::peer_closed;
  const Time reached = now_ + roll(1, 20);
  switch (roll(0, 15)) {
    case 0:  // it never gets there
      return at(reached, [this, wire, broken] { end(wire, broken); });
    case 1:  // it gets there, the connection ends at any time
      at(reached + roll(0, direct_work), [this, wire, broken] {
        if (!apps_[wire->app].frozen || apps_[wire->app].peer == Peer::gateway) end(wire, broken);
      });
      break;
    case 2: {  // a front end, or an app that is full, answers in its place
      AttemptReport other;
      other.status = static_cast<int>(roll(500, 504));
      if (app.peer == Peer::direct) return at(reached, [this, wire, other] { end(wire, other); });
      at(reached + roll(0, 20 * second), [this, wire, other] { end(wire, other); });
      break;
    }
    case 3: {
      AttemptReport starting;
      starting.status = 503;
      starting.proves_not_run = true;
      return at(reached, [this, wire, starting] { end(wire, starting); });
    }
    case 4: {
      AttemptReport busy;
      busy.status = chance(50) ? 429 : 401;
      busy.our_key = !what.live;
      return at(reached, [this, wire, busy] { end(wire, busy); });
    }
    default:
      break;
  }
  if (app.frozen && app.peer == Peer::gateway) {  // the front end loses patience
    AttemptReport gateway_timeout;
    gateway_timeout.status = chance(50) ? 502 : 504;
    at(now_ + roll(5, 230) * second, [this, wire, gateway_timeout] { end(wire, gateway_timeout); });
  }
  at(reached, [this, wire] { deliver(wire); });
}

void World::send_to_bad_app(const WirePtr& wire, App& app) {
  AttemptReport report;
  report.ending = AttemptEnding::connect_failed;
  if (app.cut) {
    // Half of the connections were open before the link went: the request waits in the network and
    // arrives when the link heals, or never.
    if (chance(50)) return at(now_ + 2 * second, [this, wire, report] { end(wire, report); });
    if (chance(50)) {
      const Time tries = roll(1, 60 * second);
      at(now_ + tries, [this, wire] {
        if (!apps_[wire->app].cut) deliver(wire);
      });
    }
    return;
  }
  if (app.peer == Peer::gateway) {
    report.ending = AttemptEnding::answered;
    report.status = 502;
  }
  at(now_ + roll(1, 20), [this, wire, report] { end(wire, report); });
}

void World::end(const WirePtr& wire, AttemptReport report) {
  if (wire->ended || wire->epoch != epoch_) return;
  App& app = apps_[wire->app];
  // A link that swallows everything lets no news through, a frozen direct peer ends nothing.
  const bool ours = report.ending == AttemptEnding::timed_out;
  if (app.cut && !ours && report.ending != AttemptEnding::connect_failed) return;
  wire->ended = true;
  const Judgement judgement = judge_attempt(report);
  say(wire->entry, "attempt " + std::to_string(wire->attempt) + " at " + name(wire->app) + ": " +
                       std::string{to_string(report.ending)} + " " + std::to_string(report.status) +
                       " -> " + std::string{to_string(judgement.proof)});
  event(wire->entry, AttemptEnded{wire->attempt, judgement, report.status, true});
}

void World::look(std::uint64_t entry, Place place) {
  const Time asked = now_;
  const auto epoch = epoch_;
  const std::string id = entries_[entry].entry.id;
  const bool lost = chance(3);
  at(now_ + roll(1, 50), [this, entry, place, asked, epoch, id, lost] {
    if (epoch != epoch_) return;
    LookEnded ended;
    ended.place = place;
    ended.asked = steady(asked);
    if (!apps_[place].good() || lost) {
      at(now_ + 2 * second, [this, entry, ended, epoch] {
        if (epoch == epoch_) event(entry, ended);
      });
      return;
    }
    const auto& instances = hub(place);
    const auto found = instances.find(id);
    ended.look.result = LookResult::absent;
    if (found != instances.end() && found->second.over != 0) {
      ended.look.result = LookResult::found;
      ended.look.created = hub_wall(found->second.created);
    }
    say(entry, "  " + name(place) + ": " + std::string{to_string(ended.look.result)});
    event(entry, ended);
  });
}

void World::terminate(std::uint64_t entry, Place place) {
  const auto epoch = epoch_;
  at(now_ + 20, [this, entry, place, epoch] {
    if (epoch == epoch_) event(entry, TerminateEnded{apps_[place].good()});
  });
}

// --- clients ---

void World::ask(int client) {
  Client& who = clients_[static_cast<std::size_t>(client)];
  if (!up_) return try_again(client);
  const int request = ++who.request;
  admit(client);
  at(now_ + roll(5, 60) * second, [this, client, request] {
    Client& later = clients_[static_cast<std::size_t>(client)];
    if (!later.waiting || later.request != request) return;
    later.waiting = false;
    say(later.entry, "a client gives up waiting");
    auto& waiting = entries_[later.entry].clients;
    waiting.erase(std::remove(waiting.begin(), waiting.end(), client), waiting.end());
    event(later.entry, ClientLeft{later.first});
    try_again(client);
  });
}

void World::admit(int client) {
  Client& who = clients_[static_cast<std::size_t>(client)];
  const StartEntry *by_key = nullptr, *by_id = nullptr;
  for (const auto& [number, live] : entries_) {
    if (!who.key.empty() && live.entry.key_scope == who.key) by_key = &live.entry;
    if (!who.id.empty() && live.entry.id == who.id) by_id = &live.entry;
  }
  NewStart start;
  start.id = who.id;
  start.function = "work";
  const Repeat verdict = judge_repeat(start, by_key, by_id);
  const StartEntry* earlier = by_key != nullptr ? by_key : by_id;
  if (verdict == Repeat::stored_answer) return told(client, earlier->number, true, false);
  if (verdict == Repeat::join) {
    say(earlier->number, "a client joins");
    who.waiting = true;
    who.first = false;
    who.entry = earlier->number;
    entries_[who.entry].clients.push_back(client);
    return event(who.entry, ClientJoined{});
  }
  const std::uint64_t number = next_entry_++;
  Live& live = entries_[number];
  StartEntry& entry = live.entry;
  entry.number = number;
  entry.origin = who.origin;
  entry.id = who.origin == IdOrigin::client ? who.id : "made-" + std::to_string(number);
  if (who.origin == IdOrigin::derived) entry.id = "from-" + who.key;
  entry.key_scope = who.key;
  entry.function = "work";
  entry.arrived = wall();
  entry.clock_doubt = wall_offset_ != 0;  // the Date of every answer tells
  entry.may_use_keys = true;
  entry.body_kept = !chance(10);
  entry.id_seen_before = chance(50);
  for (std::size_t i = 0; i < hubs_.size(); ++i) {
    const auto old = hubs_[i].find(entry.id);
    if (old == hubs_[i].end()) continue;
    entry.id_seen_before = true;
    if (chance(50)) {
      entry.earlier_created = hub_wall(old->second.created);
      entry.earlier_place = layout_ == config::TaskHub::shared ? no_place : static_cast<Place>(i);
    }
  }
  truths_[number];
  who.waiting = true;
  who.first = true;
  who.entry = number;
  live.clients.push_back(client);
  Place first = no_place;
  for (const EndpointView& view : policy().endpoints)
    if (view.usable && first == no_place) first = view.place;
  say(number, "a start arrives, id " + std::string{to_string(entry.origin)});
  event(number, Arrived{first});
}

void World::tell(std::uint64_t entry, Told what, std::size_t attempt) {
  const StartEntry& row = entries_[entry].entry;
  const bool good = is_acceptance(what) ||
                    (what == Told::relayed && row.attempts[attempt].state == AttemptState::ran);
  const bool bad = what == Told::not_run || (what == Told::relayed && !good);
  for (const int client : std::exchange(entries_[entry].clients, {}))
    told(client, entry, good, bad);
  if (!chance(4)) return;  // the worst moment for a kill
  at(now_ + roll(0, 5), [this] { die(); });
  at(now_ + roll(second, 20 * second), [this] { come_back(); });
}

void World::told(int client, std::uint64_t entry, bool promised, bool denied) {
  Client& who = clients_[static_cast<std::size_t>(client)];
  who.waiting = false;
  Truth& truth = truths_[entry];
  truth.promised = truth.promised || promised;
  truth.denied = truth.denied || denied;
  if (promised && chance(5)) {
    truth.terminate_asked = true;
    at(now_ + roll(0, 10 * second), [this, entry] { event(entry, TerminateAsked{}); });
  }
  if (!promised && chance(50)) try_again(client);
}

void World::try_again(int client) {
  Client& who = clients_[static_cast<std::size_t>(client)];
  if (who.tries_left-- <= 0) return;
  at(now_ + roll(500, 10 * second), [this, client] { ask(client); });
}

// --- the promises ---

std::vector<std::string> World::broken_promises() const {
  std::vector<std::string> broken;
  for (const auto& [number, truth] : truths_) {
    const auto found = entries_.find(number);
    const auto complain = [&, n = number](const std::string& what) {
      broken.push_back("#" + std::to_string(n) + ": " + what);
    };
    if (found == entries_.end()) {
      if (truth.promised) complain("accepted, and nobody knows it");
      continue;
    }
    const StartEntry& entry = found->second.entry;
    const bool listed = entry.listed != Listed::no;
    const bool terminated = truth.terminate_asked && entry.settlement == Settlement::terminated;
    if (truth.promised && truth.runs == 0 && !listed && !terminated)
      complain("accepted, but it neither ran nor is it listed");
    if (truth.runs > 1 && !entry.possible_duplicate) complain("ran twice, and is not marked");
    if (truth.denied && truth.runs > 0 && !truth.refusal_unwritten)
      complain("failed, said the answer; but it ran");
    if (truth.sent_after_terminate) complain("sent although its client had ended it");
    if (truth.sent_for_nobody) complain("sent although its client tries again by itself");
    if (is_open(entry) && !listed) complain("neither settled nor listed");
    if (entry.settlement == Settlement::ran && truth.runs == 0)
      complain("settled as run, but it did not");
    const bool said_no =
        entry.settlement != Settlement::ran && entry.settlement != Settlement::open;
    if (said_no && truth.runs > 0 && entry.listed != Listed::may_have_run)
      complain("settled as " + std::string{to_string(entry.settlement)} + ", but it ran");
  }
  return broken;
}

std::map<std::string, int> World::tally() const {
  std::map<std::string, int> counts;
  for (const auto& [number, live] : entries_) {
    const StartEntry& entry = live.entry;
    ++counts["starts"];
    ++counts["settled " + std::string{to_string(entry.settlement)}];
    if (entry.listed != Listed::no) ++counts["listed " + std::string{to_string(entry.listed)}];
    if (entry.possible_duplicate) ++counts["possible duplicate"];
    if (entry.duplicate_found) ++counts["duplicate found"];
    if (truths_.at(number).runs > 1) ++counts["ran twice"];
    for (const Attempt& attempt : entry.attempts)
      if (attempt.state == AttemptState::absent) ++counts["absent"];
    ++counts["told " + std::string{to_string(entry.told)}];
  }
  return counts;
}

std::string World::story() const {
  std::string text = std::string{layout_ == config::TaskHub::shared ? "one hub" : "a hub each"} +
                     (apps_[0].peer == Peer::gateway ? ", behind gateways" : ", direct") + "\n";
  for (const auto& line : story_) text += line + "\n";
  return text;
}

}  // namespace simulation
