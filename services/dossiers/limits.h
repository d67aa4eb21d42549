// The named limits of dossiers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace lgsp::dossiers {

inline constexpr int kMaxNameCharacters = 200;
inline constexpr int kMaxSubjectCharacters = 1000;
inline constexpr int kMaxReasonCharacters = 2000;
inline constexpr int kMaxBasisCharacters = 500;
inline constexpr int kMaxSupplementItems = 50;
inline constexpr int kMaxSupplementItemCharacters = 500;
// An answer to a supplement request makes the term begin again only when it was asked for within
// these working days of the file's receipt (Decree 61/2018 art. 19.4).
inline constexpr int kRestartWorkingDays = 3;
// A draft that is neither filed nor changed is given up.
inline constexpr absl::Duration kDraftLifetime = absl::Hours(24 * 30);
// So long before the end of a supplement's time the applicant is warned, the longest first.
inline constexpr absl::Duration kReminders[] = {absl::Hours(24 * 10), absl::Hours(24 * 3)};
// Ways of one file between agencies.
inline constexpr int kMaxHops = 20;
// Agencies asked at once, and the working days they may be given.
inline constexpr int kMaxConsultations = 10;
inline constexpr int kMaxAnswerDays = 60;
// Codes that others gave a dossier.
inline constexpr int kMaxForeignCodes = 5;
inline constexpr size_t kMaxIssuerLength = 35;
inline constexpr size_t kMaxForeignCodeLength = 64;
// Dossiers moved from an officer to another at one call.
inline constexpr int kMaxMoved = 100;
// Of one dossier, so that its history has an end too.
inline constexpr int kMaxWaits = 100;
// Vietnamese takes at most 5 bytes, decomposed; without a limit one character could carry any
// number of marks.
inline constexpr size_t kMaxBytesPerCharacter = 8;
inline constexpr int kMaxIdNumberLength = 20;
inline constexpr int kMinPhoneDigits = 8;
inline constexpr int kMaxPhoneDigits = 15;
inline constexpr int kMaxEmailLength = 254;
inline constexpr size_t kOldIdDigits = 9;
inline constexpr int kEarliestBirthYear = 1850;
inline constexpr int kMaxAuthorisations = 10;
// Owners of one plot, heirs of one person.
inline constexpr int kMaxCoApplicants = 50;
// A consent may be this far in the future by the helper's clock.
inline constexpr absl::Duration kClockTolerance = absl::Minutes(5);
// Longer codes of procedures and agencies do not exist.
inline constexpr size_t kMaxCodeLength = 32;

// The word of a central system for a dossier's state.
inline constexpr size_t kMaxOwnerStateLength = 64;

// Of a search in the catalogue.
inline constexpr size_t kMaxQueryBytes = 800;

inline constexpr int kStandardPageSize = 50;
inline constexpr int kLargestPageSize = 200;
// A page ends before it is larger: beneath what a gRPC message may be (libs/rpc/server.h).
inline constexpr size_t kMaxPageBytes = 3 << 20;
// Counting what is not kept counted stops here.
inline constexpr int kMaxCounted = 1000;
// A dossier has one transition per revision.
inline constexpr int kMaxTransitions = 1000;

// An officer's due date lies at most this far ahead: the longest procedures take years, not
// decades.
inline constexpr absl::Duration kFarthestDueTime = absl::Hours(24 * 366 * 10);

// One attempt to tell the portal; behind it are up to four calls to the portal.
inline constexpr absl::Duration kPortalSyncTimeout = absl::Seconds(45);
inline constexpr int kPortalSyncThreads = 4;

// Dossiers held against the portal's copies at one call, and of them at once.
inline constexpr int kComparisonsPage = 20;
inline constexpr int kLargestComparisonsPage = 50;
inline constexpr int kComparisonsAtOnce = 4;
// One comparison, with less time left than the second none is begun; so often for a dossier that
// changes meanwhile or for which the portal gives no answer; and the time its caller's deadline
// leaves for the answer.
inline constexpr absl::Duration kLongestComparison = absl::Seconds(15);
inline constexpr absl::Duration kMinComparisonTime = absl::Seconds(1);
inline constexpr int kMaxComparisons = 3;
inline constexpr absl::Duration kComparisonAnswerTime = absl::Seconds(1);

// How often the key ring is looked at, and a batch of keys wrapped anew.
inline constexpr absl::Duration kRotationInterval = absl::Seconds(1);
// How often expired answers are deleted.
inline constexpr absl::Duration kSweepInterval = absl::Minutes(10);
// How often dossiers are looked for whose applicants did not answer in time, and how many are
// closed at once.
inline constexpr absl::Duration kExpiryInterval = absl::Minutes(1);
inline constexpr int kMaxExpired = 100;
// When one that could not be closed is tried again.
inline constexpr absl::Duration kExpiryAgain = absl::Hours(1);
// After a start provisional due dates are counted again, so many at each turn.
inline constexpr absl::Duration kRecountInterval = absl::Seconds(1);
inline constexpr size_t kMaxRecounted = 100;
// Of documents. A chunk is what one message of a stream carries.
inline constexpr size_t kMaxChunkBytes = 64 << 10;
inline constexpr int64_t kMaxDocumentBytes = int64_t{50} << 20;
inline constexpr int kMaxDocuments = 500;
inline constexpr int64_t kMaxDossierBytes = int64_t{1} << 30;
inline constexpr int kMaxTitleCharacters = 500;
inline constexpr int kMaxFileNameCharacters = 255;
inline constexpr int kMaxReferenceCharacters = 200;
inline constexpr int kMaxStatedPapers = 50;
inline constexpr int kMaxRulings = 400;
inline constexpr int kMaxPaperCopies = 99;
// Earlier dossiers of an applicant that are looked through for papers, of each agency, and papers
// named for one item.
inline constexpr int kMaxEarlierDossiers = 20;
inline constexpr int kMaxCandidates = 3;

// Of results. A code has 100 random bits.
inline constexpr size_t kMaxResults = 20;
inline constexpr int kMaxResultNumberCharacters = 100;
inline constexpr int kMaxResultReasonCharacters = 1000;
inline constexpr size_t kVerificationCodeLength = 20;
// One attempt to have a result signed and to verify the signature; at once.
inline constexpr absl::Duration kSigningTimeout = absl::Seconds(45);
inline constexpr int kSigningThreads = 2;
// A signature that an officer has not confirmed by then is given up.
inline constexpr absl::Duration kLongestSigning = absl::Hours(72);
// How long fetched revocation lists serve.
inline constexpr absl::Duration kRevocationListLifetime = absl::Minutes(5);

// Uploads and downloads at once, and of them those of one system; the stillness and the time after
// which one is cancelled, and how often that is looked at.
inline constexpr int kMaxTransfers = 64;
inline constexpr int kMaxTransfersPerCaller = 32;
inline constexpr absl::Duration kTransferRetryDelay = absl::Seconds(1);
inline constexpr absl::Duration kTransferStall = absl::Seconds(30);
inline constexpr absl::Duration kLongestTransfer = absl::Minutes(15);
inline constexpr absl::Duration kTransferCheckInterval = absl::Seconds(1);

// A file without a row goes into the trash, what was begun and not ended is deleted, when it is
// older than any transfer.
inline constexpr absl::Duration kOrphanAge = absl::Hours(1);
// How long it lies in the trash before: long enough to see that the wrong database was restored.
inline constexpr absl::Duration kTrashAge = absl::Hours(7 * 24);
// One folder of kFolders at each turn.
inline constexpr absl::Duration kFileSweepInterval = absl::Seconds(5);
// Files looked up at one query.
inline constexpr ptrdiff_t kFilesSwept = 1000;

// A scan of one document, how many of them at a turn, and how long one is left to the process that
// began it.
inline constexpr absl::Duration kScanTimeout = absl::Seconds(30);
inline constexpr absl::Duration kScanInterval = absl::Seconds(1);
inline constexpr int kScansInARow = 16;
// Files looked through at a turn after a start for what was not scanned.
inline constexpr int kScansReopened = 1000;
inline constexpr absl::Duration kScanClaim = absl::Minutes(2);
inline constexpr absl::Duration kScanRetryDelay = absl::Seconds(15);

// How long calls under way may go on after SIGTERM.
inline constexpr absl::Duration kDrainGrace = absl::Seconds(10);

}  // namespace lgsp::dossiers
