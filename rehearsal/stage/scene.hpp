// Where a scenario is played: processes of our own (sandbox.hpp), or a running proxy and real
// endpoints (attached.hpp). The conductor says what to break and when; a scene knows how. Every
// call answers with "" or with the problem in words. Owned by the conductor, on its thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <utility>
#include <vector>

#include "rehearsal/scenario/scenario.hpp"
#include "rehearsal/verdict/record.hpp"

namespace stage {

class Scene {
 public:
  using Problem = std::string;
  template <class T>
  using Task = boost::asio::awaitable<T>;

  virtual ~Scene() = default;

  virtual Task<Problem> raise() = 0;  // all is started and ready, the proxy too
  virtual Task<void> end() = 0;       // heals, and ends what raise() started; never fails

  virtual Task<Problem> begin(const scenario::Fault& fault) = 0;
  virtual Task<Problem> heal(const scenario::Fault& fault) = 0;  // one that was begun
  virtual Task<Problem> operate(const scenario::Operate& operate) = 0;

  virtual std::string proxy_url() const = 0;  // "http://127.0.0.1:40001"
  virtual std::string admin_url() const = 0;
  virtual std::string admin_token() const { return {}; }

  // What the storage accounts know; empty where there are none to ask. Filled into the record:
  // `executions`, `executions_known`, and traffic and shares until now.
  virtual Task<Problem> collect_executions(verdict::RunRecord& record) = 0;
  virtual Task<verdict::Account> account() = 0;
  virtual Task<std::string> lease_owner() = 0;  // "" nobody, or no app lease here

  virtual const std::vector<verdict::AccountFailover>& failovers() const = 0;
  virtual std::vector<std::pair<std::string, std::string>> versions() const = 0;
};

}  // namespace stage
