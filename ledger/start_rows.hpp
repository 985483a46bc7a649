// Starts as rows of the ledger's tables. The statements are prepared once and live as long as the
// connection, of which they are a part; one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/name_table.hpp"
#include "ledger/sqlite.hpp"
#include "ledger/start_entry.hpp"
#include "ledger/store.hpp"

namespace ledger {

// Whether somebody has to look after it, or finds it in a list.
bool needs_owner(const StartEntry&);

// Reads entries; does not write.
class StartReader {
 public:
  // `where`: the rest of a SELECT over `start`, with its parameters as question marks.
  StartReader(Database&, const std::string& where);

  Statement& rows() { return rows_.reset(); }  // to bind the parameters
  enum class Bodies { all, of_open_ones };
  std::optional<StartEntry> next(NameTable&, Bodies);  // nothing: that was the last one
  void done() { rows_.reset(); }                       // needed when it was not

 private:
  StartEntry read_row(NameTable&) const;

  Statement rows_, attempts_, body_, answer_;
};

std::shared_ptr<const std::string> read_body(Statement& body, std::uint64_t number);
std::vector<OperatorAction> read_actions(Database&, const char* table);

class StartRows {
 public:
  StartRows(Database&, std::string owner);

  void write(const StartWrite&, const NameTable& places);
  void record(const OperatorAction&);
  // At most `most` entries that `which` names; true: there may be more.
  bool remove_settled(std::int64_t changed_before_ms, std::int64_t most);
  bool remove_bodies(std::int64_t changed_before_ms, std::int64_t most);
  bool remove_oldest_unseen(std::int64_t most);
  void remove_actions(std::int64_t before_ms, std::int64_t most);

 private:
  bool update(const StartEntry&, const NameTable&, bool drop_body);
  void insert(const StartEntry&, const NameTable&, bool drop_body);
  void write_attempts(const StartEntry&, const NameTable&);
  void write_answer(const StartEntry&);
  void remove(std::int64_t number);
  bool remove_all(Statement& which, std::int64_t most);

  Database& database_;
  const std::string owner_;
  Statement update_, insert_, attempt_, body_, answer_, action_;
  Statement remove_start_, remove_attempts_, remove_body_, remove_answer_;
  Statement settled_, bodies_, mark_body_, unseen_, old_actions_;
};

}  // namespace ledger
