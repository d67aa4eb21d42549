// The certificates of the platform's own services.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/keys/x509.h"
#include "tools/lgsp/data_folder.h"

namespace lgsp::cli {

// How long a service's certificate holds, and how much of it is left when it is renewed.
inline constexpr absl::Duration kServiceCertificateLife = absl::Hours(24 * 30);
inline constexpr absl::Duration kRenewBelow = absl::Hours(24 * 10);
// Clocks of machines differ.
inline constexpr absl::Duration kClockSkew = absl::Hours(1);

// A certificate for `service` with its names (`<service>.lgsp`, localhost, 127.0.0.1, its URI
// name). An empty `private_key_pem` makes a new key.
absl::StatusOr<keys::CertifiedKey> IssueServiceCertificate(const keys::CertifiedKey& authority,
                                                           absl::string_view service,
                                                           absl::Time now,
                                                           absl::string_view private_key_pem);

// Who has a certificate: the processes but the simulator of the signing system, which has its own
// authority and speaks plain HTTP; and `operator`, who asks them whether they are ready.
std::set<std::string> CertificateOwners(const Platform& platform);

// What a round of renewals did.
struct Renewals {
  std::vector<std::string> renewed;
  // The first error; its message tells those of all services. NOT_FOUND FILE_MISSING,
  // FAILED_PRECONDITION SECRET_EXPOSED …, INVALID_ARGUMENT CERTIFICATE_INVALID.
  absl::Status status;
};

// Renews what has less than kRenewBelow to go, with the key it has. An error of one service does
// not keep the others from theirs.
Renewals RenewServiceCertificates(const DataFolder& folder, absl::Time now);

}  // namespace lgsp::cli
