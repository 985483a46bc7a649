// A small world for the start ledger, driven by one seed and a virtual clock: two function apps
// that freeze, thaw and crash, their hubs, front ends, links, a disk, clients that give up and
// repeat, and a proxy that is killed and comes back with what its store has. The rules under test
// are the real ones; everything here is a model of the outside. Times are ms.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "ledger/repeats.hpp"
#include "ledger/settlement.hpp"

namespace simulation {

using Time = std::int64_t;

// What the simulation knows to be true about one entry, whatever the ledger believes.
struct Truth {
  int runs = 0;
  bool promised = false;  // some client was told that it runs
  bool denied = false;    // some client was told that it failed
  bool terminate_asked = false, terminate_noted = false;
  bool sent_after_terminate = false, sent_for_nobody = false;
  bool refusal_unwritten = false;  // told on a full disk, then the proxy died
};

struct App {
  config::Peer peer = config::Peer::direct;
  bool crashed = false, frozen = false, cut = false;  // cut: the link swallows everything
  Time good_since = 0, crashed_at = 0;
  Time degraded_since = -1;
  std::uint64_t life = 0, mood = 0;           // count crashes; count changes of any kind
  std::vector<std::function<void()>> socket;  // what lies in its buffers
  bool good() const { return !crashed && !frozen && !cut; }
};

struct Run {  // an instance in a hub
  Time created = 0, over = 0;
};

class World {
 public:
  explicit World(std::uint64_t seed, bool verbose);
  void play();
  std::vector<std::string> broken_promises() const;
  std::string story() const;
  std::map<std::string, int> tally() const;

 private:
  struct Live {
    ledger::StartEntry entry;
    std::deque<ledger::Event> pending;
    bool committing = false;
    std::uint64_t wake = 0;
    std::vector<int> clients;
  };
  struct Client {
    ledger::IdOrigin origin = ledger::IdOrigin::assigned;
    std::string id, key;
    std::uint8_t body = 0;
    int tries_left = 2;
    int request = 0;  // counts tries: an old patience does not end a new one
    bool waiting = false, first = false;
    std::uint64_t entry = 0;
  };
  struct Wire {  // one attempt under way
    std::uint64_t entry = 0, epoch = 0, app_life = 0;
    std::size_t attempt = 0;
    std::size_t app = 0;
    bool ended = false;  // for the proxy
    std::string id;
    bool bad_request = false;
  };
  using WirePtr = std::shared_ptr<Wire>;

  // The clockwork.
  void at(Time when, std::function<void()> what);
  Time roll(Time low, Time high);
  bool chance(int percent);
  void say(std::uint64_t entry, const std::string& what);
  ledger::TimePoint steady(Time t) const;
  ledger::WallTime wall() const;
  ledger::WallTime hub_wall(Time t) const;

  // The apps.
  Time a_bad_moment();
  void schedule_faults();
  void schedule_app_faults(std::size_t app);
  void crash(std::size_t app);
  void set_frozen(std::size_t app, bool frozen);
  void set_cut(std::size_t app, bool cut);
  void mood_changed(std::size_t app);
  void thaw(std::size_t app);
  std::map<std::string, Run>& hub(std::size_t app);
  void deliver(const WirePtr&);
  void execute(const WirePtr&, Time work);
  void finish_work(const WirePtr&);

  // The proxy.
  void die();
  void come_back();
  ledger::Policy policy();
  void event(std::uint64_t entry, ledger::Event);
  void step(std::uint64_t entry, const ledger::Event&);
  void perform(std::uint64_t entry, const ledger::Effects&, std::size_t from);
  void commit(std::uint64_t entry, ledger::Effects held);
  void save(const ledger::StartEntry&);
  void send(std::uint64_t entry, const ledger::Send&);
  void send_to_bad_app(const WirePtr&, App&);
  void end(const WirePtr&, ledger::AttemptReport);
  void look(std::uint64_t entry, ledger::Place);
  void terminate(std::uint64_t entry, ledger::Place);
  void everyone(const ledger::Event&);

  // The clients.
  void ask(int client);
  void admit(int client);
  void tell(std::uint64_t entry, ledger::Told, std::size_t attempt);
  void told(int client, std::uint64_t entry, bool promised, bool denied);
  void try_again(int client);

  std::mt19937_64 random_;
  const bool verbose_;
  Time now_ = 0;
  std::uint64_t sequence_ = 0;
  struct Due {
    Time when;
    std::uint64_t sequence;
    std::function<void()> what;
    bool operator<(const Due& other) const {
      return when != other.when ? when > other.when : sequence > other.sequence;
    }
  };
  std::priority_queue<Due> agenda_;

  config::Ledger settings_;
  config::TaskHub layout_ = config::TaskHub::shared;
  config::Millis hub_retention_{};
  std::array<App, 2> apps_;
  std::array<std::map<std::string, Run>, 2> hubs_;
  std::array<ledger::EndpointView, 2> views_;
  Time hub_offset_ = 0, wall_offset_ = 0;
  bool disk_full_ = false;

  bool up_ = true;
  std::uint64_t epoch_ = 0, next_entry_ = 1;
  std::map<std::uint64_t, Live> entries_;
  std::map<std::uint64_t, ledger::StartEntry> store_;
  std::map<std::uint64_t, Truth> truths_;
  std::vector<Client> clients_;
  std::vector<Time> starts_;
  std::vector<std::weak_ptr<Wire>> wires_;
  std::vector<std::string> story_;
};

}  // namespace simulation
