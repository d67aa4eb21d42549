// Synthetic applicants. No real person can have one of these numbers: they were "born" 1900 to
// 1909.
#pragma once

#include <cstdint>
#include <random>

#include "lgsp/dossiers/v1/dossiers.pb.h"

namespace lgsp::cli {

// The one source of chance of a plan. Same seed, same sequence, on every machine.
class Chance {
 public:
  explicit Chance(uint32_t seed) : engine_(seed) {}
  // 0 to `n` - 1; `n` > 0.
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(engine_() % n); }

 private:
  std::mt19937_64 engine_;
};

// A citizen with a name in NFC, a 12-digit personal ID of valid form whose serial begins with 99, a
// telephone number that cannot be dialled (00…) and an address at example.com. Some have a single
// name and only a year of birth, some ask together with another, some are foreigners with a
// passport.
dossiers::v1::Applicant MakeCitizen(Chance& chance);

// A business or a cooperative with a tax number of a province that does not exist (00…), and who
// represents it; a third of them with staff authorised to file.
dossiers::v1::Applicant MakeOrganisation(Chance& chance);

}  // namespace lgsp::cli
