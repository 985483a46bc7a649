// SQLite with owners for its handles; the ledger and the stand-ins' task hubs use it. One thread
// per Database. Throws SqliteError, with SQLite's own words, when a call fails.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace ledger {

class SqliteError : public std::runtime_error {
 public:
  SqliteError(const std::string& what, int primary_code)
      : std::runtime_error{what}, code{primary_code} {}
  int code;  // SQLITE_FULL, SQLITE_CORRUPT, ...
};

class Database {
 public:
  enum class Access { create, change, read };  // the last two of what is there already
  explicit Database(const std::string& file, Access = Access::create);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void execute(const char* sql);
  bool try_execute(const char* sql) noexcept;
  int rows_changed() const;  // by the last statement
  sqlite3* handle() const { return handle_; }

 private:
  sqlite3* handle_ = nullptr;
};

// Parameters are bound in the order of the question marks.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(std::string_view text);
  Statement& bind(std::int64_t number);
  Statement& bind_null();
  Statement& bind_blob(std::string_view bytes);  // not copied: they stay until reset()

  bool step();         // true: a row is there
  void run();          // for statements without rows
  Statement& reset();  // ready for the next set of parameters

  std::string text(int column) const;  // or the bytes of a blob
  bool is_null(int column) const;
  std::int64_t number(int column) const;

 private:
  [[noreturn]] void fail() const;
  Database& database_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

// Takes the write lock at once, rolls back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace ledger
