// The named limits of this service.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace lgsp::evidence {

// How often a source is asked for a new checkpoint: a gateway signs one each second.
inline constexpr absl::Duration kPollInterval = absl::Seconds(1);
// Bundles taken over before they are written to the disk together.
inline constexpr size_t kBundlesAtOnce = 32;
// Full bundles, with their tiles, that a poll reads again to see whether the source has changed
// them.
inline constexpr int kRecheckedBundles = 8;

// Checkpoints kept of each log: so often one. Of a year that is 2 MB.
inline constexpr absl::Duration kAnchorInterval = absl::Hours(1);
// Offending notes kept; more say no more.
inline constexpr size_t kMaxKeptFindings = 1000;

// Entries put into the index by one transaction, and by one poll.
inline constexpr uint64_t kIndexBatch = 512;
inline constexpr int kIndexBatchesPerPoll = 64;
// Longer texts of a record are no names of ours: they are not indexed.
inline constexpr size_t kMaxIndexedText = 256;
// Years of records that have keys for persons; a record of any other is a mistake or worse.
inline constexpr int64_t kFirstPersonYear = 2025;

// How often the policy is looked at.
inline constexpr absl::Duration kPolicyInterval = absl::Seconds(5);

// Retention is looked after so often; index rows are deleted so many at a time.
inline constexpr absl::Duration kRetentionInterval = absl::Hours(1);
inline constexpr int kForgottenRows = 500;

// Pages of ListExchanges and ListAnchors.
inline constexpr int kStandardPageSize = 100;
inline constexpr int kLargestPageSize = 1000;

// A piece of a file, and how long one may take to come.
inline constexpr size_t kMaxFilePiece = 1 << 20;
inline constexpr absl::Duration kPieceTimeout = absl::Seconds(10);

// How long calls under way may go on after SIGTERM.
inline constexpr absl::Duration kDrainGrace = absl::Seconds(5);

}  // namespace lgsp::evidence
