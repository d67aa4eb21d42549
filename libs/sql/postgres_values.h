// Values in PostgreSQL's binary format.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/sql/sql.h"

namespace lgsp::sql {

// Object ids of types, as in pg_type.dat; they never change.
using TypeId = unsigned int;

// NULL has none (0): it takes the type of its place.
TypeId TypeOf(const Value& value);

// Parameters in the form libpq takes. TEXT and BYTES point into `values`.
struct BinaryParams {
  explicit BinaryParams(const std::vector<const Value*>& values);
  std::vector<const char*> data;
  std::vector<int> lengths;
  std::vector<int> formats;

 private:
  std::deque<uint64_t> numbers_;
};

// BOOLEAN and all integers come as BIGINT, a NUMERIC too when it is declared or computed without
// decimals (SUM of BIGINT). INTERNAL SQL_STATEMENT_WRONG for types we do not use.
absl::StatusOr<Value> Decode(TypeId type, absl::string_view data);

}  // namespace lgsp::sql
