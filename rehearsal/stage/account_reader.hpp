// What the storage accounts of a sandbox know: every run of an orchestrator, what each app did and
// moved, who holds the app lease. Asked over HTTP; nothing here changes anything. Owned by the
// sandbox, on its thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rehearsal/scenario/scenario.hpp"
#include "rehearsal/stage/clock.hpp"
#include "rehearsal/stage/sandbox_parts.hpp"
#include "rehearsal/verdict/record.hpp"

namespace stage {

class AccountReader {
 public:
  template <class T>
  using Task = boost::asio::awaitable<T>;

  // `scenario`, `clock` and `failovers` must outlive it.
  AccountReader(const scenario::Scenario& scenario, const Clock& clock,
                const std::vector<verdict::AccountFailover>& failovers,
                std::shared_ptr<Parts> parts);

  Task<std::string> executions(verdict::RunRecord& record);
  Task<verdict::Account> account();
  Task<std::string> lease_owner();

 private:
  struct Known {  // of an account: the runs up to the first that has not ended
    std::vector<verdict::Execution> ended;
    std::int64_t after = 0;
  };

  Task<std::string> read_runs(StorageAccount* account, std::vector<verdict::Execution>* out);
  Task<std::string> read_pending(StorageAccount* account, std::string hub,
                                 std::vector<verdict::Execution>* out);
  Task<void> read_shares(StorageAccount* account, verdict::Account* out);
  void mark_lost(std::vector<verdict::Execution>& executions) const;
  bool had_failover(const std::string& storage) const;
  const scenario::Endpoint* endpoint_named(std::string_view name) const;

  const scenario::Scenario& scenario_;
  const Clock& clock_;
  const std::vector<verdict::AccountFailover>& failovers_;
  std::shared_ptr<Parts> parts_;
  std::map<std::string, Known> known_;
  std::string lease_owner_;  // as it was known last
};

// "2026-05-01T10:11:12.345Z"
std::optional<std::chrono::system_clock::time_point> parse_utc(const std::string& text);

}  // namespace stage
