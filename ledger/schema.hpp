// The tables of the ledger's file and their versions. A file of an earlier version is brought up to
// this one's when the proxy opens it; one of a later version is left alone.
#pragma once

#include <cstdint>
#include <string>

#include "ledger/sqlite.hpp"

namespace ledger {

std::int64_t schema_version();                       // this program's
std::int64_t schema_version_of(Database& database);  // the file's; 0: nothing in it yet

// Throws StoreError unless the file is the ledger's, or empty, and of a version that is known.
void check_schema(Database&, const std::string& path);
void migrate_schema(Database&);

}  // namespace ledger
