// Plays a scenario in a scene: steady state, load, faults and heals in their order, waits that end
// with an event or at their limit, and whatever happens everything healed at the end. Writes what
// was observed into the record; judges nothing. One thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rehearsal/scenario/scenario.hpp"
#include "rehearsal/stage/clock.hpp"
#include "rehearsal/stage/load.hpp"
#include "rehearsal/stage/progress.hpp"
#include "rehearsal/stage/scene.hpp"
#include "rehearsal/stage/watch.hpp"
#include "rehearsal/verdict/record.hpp"

namespace stage {

struct StopCondition {
  std::optional<double> error_share;  // of the requests of the last five seconds, 0..1
  scenario::Millis time_limit{0};     // of the whole run; 0: the scenario's
};

class Conductor {
 public:
  // All of these must outlive it.
  Conductor(boost::asio::any_io_executor executor, const scenario::Scenario& scenario, Scene& scene,
            const Clock& clock, verdict::RunRecord& record, Progress& progress,
            StopCondition stop = {});

  // Returns when all is healed and ended, also after an interruption.
  boost::asio::awaitable<void> play();
  // The rest of the scenario is left out; faults are healed. On the conductor's thread.
  void interrupt();
  bool raising() const { return raising_; }  // nothing to heal yet, and a start may take long

 private:
  struct Active {  // a fault that lasts
    Active(std::size_t span_in, scenario::Fault fault_in, std::optional<verdict::At> until_in)
        : span{span_in}, fault{std::move(fault_in)}, until{until_in} {}
    std::size_t span;  // in the record
    scenario::Fault fault;
    std::optional<verdict::At> until;
    bool healing = false;
  };
  using Problem = std::string;
  template <class T>
  using Task = boost::asio::awaitable<T>;

  Task<void> perform();  // what comes between the start and the end of the parts
  Task<void> play_steps();
  Task<void> look_around();  // beside everything: timed heals, the lease, limits
  Task<void> heal_what_is_due();
  Task<void> note_lease();
  Task<void> tick();
  Task<bool> wait_steady(verdict::SteadyResult& result);
  Task<Problem> play(scenario::Fault fault);
  Task<Problem> play(scenario::Heal heal);
  Task<Problem> play(scenario::Operate operate);
  Task<Problem> play(scenario::WaitUntil wait);
  Task<Problem> heal(std::string target);  // "" all; waits until it is done
  Task<Problem> heal_one(std::shared_ptr<Active> active);
  Task<bool> is_met(scenario::WaitUntil wait, verdict::At since, std::size_t requests_then);
  bool is_seen(const scenario::WaitUntil& wait, verdict::At since, std::size_t requests_then) const;
  Task<bool> work_done_by(std::string name);
  Task<void> settle();  // what still runs ends, and is collected
  Task<void> collect_until_quiet();
  Task<void> ask_possible_duplicates();

  bool over() const { return record_.interrupted || !record_.aborted.empty(); }
  void check_limits();
  bool has_lease() const;
  const verdict::Glimpse* last_glimpse() const;
  verdict::SteadyResult measure(verdict::At from, verdict::At to) const;

  boost::asio::any_io_executor executor_;
  const scenario::Scenario& scenario_;
  Scene& scene_;
  const Clock& clock_;
  verdict::RunRecord& record_;
  Progress& progress_;
  StopCondition stop_;
  std::unique_ptr<Load> load_;
  std::unique_ptr<Watch> watch_;
  boost::asio::steady_timer timer_;
  std::vector<std::shared_ptr<Active>> faults_;
  verdict::At last_change_{0};  // when the last fault began or ended
  bool raising_ = false;
  bool ended_ = false;  // look_around may go
  bool looking_around_ = false;
};

}  // namespace stage
