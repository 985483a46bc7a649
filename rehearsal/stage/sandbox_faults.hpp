// Faults of a sandbox. Which are active is a list; each part is brought to what the list says of
// it, so that faults may overlap and end in any order, and a part that comes back after a kill is
// told again what still holds for it. Owned by the sandbox, on its thread; what waits holds on to
// it and to the parts.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "rehearsal/scenario/scenario.hpp"
#include "rehearsal/stage/sandbox_parts.hpp"

namespace stage {

class SandboxFaults : public std::enable_shared_from_this<SandboxFaults> {
 public:
  using Problem = std::string;
  template <class T>
  using Task = boost::asio::awaitable<T>;

  SandboxFaults(boost::asio::any_io_executor executor, std::shared_ptr<Parts> parts);

  Task<Problem> begin(scenario::Fault fault);
  Task<Problem> heal(scenario::Fault fault);
  void close();  // nothing is begun any more, and who waits ends

 private:
  struct Flap {
    Flap(boost::asio::any_io_executor executor, scenario::Fault fault_in)
        : fault{std::move(fault_in)}, timer{std::move(executor)} {}
    scenario::Fault fault;
    boost::asio::steady_timer timer;  // cancelled: it is to end
    bool ending = false, ended = false;
    Problem problem;
  };
  using FlapPtr = std::shared_ptr<Flap>;

  Problem check(const scenario::Fault& fault) const;
  std::vector<PartPtr> processes_of(const std::string& target) const;
  bool is_on(const scenario::Fault& fault, const PartPtr& part) const;
  template <class Matches>
  const scenario::Fault* last(Matches matches) const;  // of the active ones

  Task<Problem> settle(scenario::Fault fault);
  Task<Problem> settle_process(PartPtr part);
  Task<Problem> bring_back(PartPtr part);
  Task<Problem> settle_app(PartPtr part);
  Task<Problem> settle_link(EndpointParts* endpoint);
  Task<Problem> settle_storage(StorageAccount* account);
  Task<Problem> lock(StorageAccount* account);
  Task<void> flap(FlapPtr flap);
  Task<Problem> end_flap(FlapPtr flap);
  std::string link_query(const EndpointParts& endpoint) const;

  boost::asio::any_io_executor executor_;
  std::shared_ptr<Parts> parts_;
  std::vector<scenario::Fault> active_;
  std::vector<FlapPtr> flaps_;
  bool closed_ = false;
};

}  // namespace stage
