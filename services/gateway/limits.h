// The named limits of the gateway. Everything a peer can make us keep has one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace lgsp::gateway {

// HTTP/2 windows we give: per stream, and per connection. Small windows cost one round trip per
// window.
inline constexpr int32_t kStreamWindow = 256 << 10;
inline constexpr int32_t kConnectionWindow = 4 << 20;
inline constexpr uint32_t kMaxStreamsPerConnection = 256;
inline constexpr size_t kReadBufferBytes = 64 << 10;
// A record of TLS.
inline constexpr size_t kTlsReadBytes = 16 << 10;
// Output gathered before it is written; more waits inside nghttp2.
inline constexpr size_t kWriteBufferBytes = 128 << 10;
// What is taken of a body at a time (HTTP/1.1).
inline constexpr size_t kBodyPieceBytes = 16 << 10;
// Names and values of one header block, as counted by HTTP/2 (32 per field).
inline constexpr size_t kMaxHeaderBytes = 32 << 10;
inline constexpr size_t kHeaderFieldOverhead = 32;
inline constexpr size_t kMaxHeaderFields = 100;
// What most heads need: room that is taken at once.
inline constexpr size_t kUsualHeaderBytes = 1 << 10;
// Streams a client may reset at once, and per second after that: generous, short deadlines reset
// honestly.
inline constexpr uint64_t kResetBurst = 2000;
inline constexpr uint64_t kResetRate = 200;

// Frames that wait for a peer that does not read (answers to what it sends, above all); beyond, its
// connection is closed.
inline constexpr size_t kMaxOutboundFrames = 4096;

inline constexpr size_t kMaxConnectionsPerWorker = 10'000;
// Calls under way on one worker, and bytes they hold in both directions; beyond either, new calls
// are refused, and beyond the bytes the connection that holds most is closed.
inline constexpr size_t kMaxExchangesPerWorker = 20'000;
inline constexpr int64_t kMaxBufferedBytesPerWorker = 64 << 20;

// One gRPC message of a request (DESIGN.md section 6).
inline constexpr size_t kMaxMessageBytes = 4 << 20;
// A request that the gateway answers itself (health, reflection).
inline constexpr size_t kMaxLocalMessageBytes = 64 << 10;
// Its answers that the system has not read; beyond, no more of its requests are looked at.
inline constexpr size_t kMaxLocalBacklogBytes = 64 << 10;

// Connections that take calls, calls on one of them, and calls that wait for one.
inline constexpr int kMaxConnectionsPerUpstream = 4;
// Of HTTP/1.1, where a connection has one call at a time.
inline constexpr int kMaxHttp1Connections = 64;
inline constexpr size_t kMaxStreamsPerUpstream = 1000;
inline constexpr size_t kMaxQueuedPerUpstream = 1000;

inline constexpr absl::Duration kHandshakeTimeout = absl::Seconds(10);
inline constexpr absl::Duration kConnectTimeout = absl::Seconds(3);
// After a failed connect, or so many failed calls one after the other, an address is passed over
// for this long; each time twice as long, to this.
inline constexpr absl::Duration kConnectBackoff = absl::Milliseconds(100);
inline constexpr int kMaxFailuresInRow = 5;
inline constexpr absl::Duration kMaxEjection = absl::Seconds(5);
inline constexpr absl::Duration kForgiveAfter = absl::Minutes(1);
// A header block must be complete, and a write must move, within this.
inline constexpr absl::Duration kHeaderTimeout = absl::Seconds(10);
inline constexpr absl::Duration kWriteTimeout = absl::Seconds(60);
// After our last byte, the peer has this long to close, and so much of what it still sends is read
// and dropped.
inline constexpr absl::Duration kLinger = absl::Seconds(1);
inline constexpr size_t kMaxLingerBytes = 8 << 20;
inline constexpr absl::Duration kIdleTimeout = absl::Minutes(30);
// Whose key is not registered has nothing to wait for.
inline constexpr absl::Duration kStrangerIdleTimeout = absl::Seconds(10);
// A peer whose machine is gone: bytes sent, or a probe of an idle connection, unanswered this long.
inline constexpr absl::Duration kPeerTimeout = absl::Seconds(20);
// The buffers of a connection that has written nothing for this long are freed.
inline constexpr absl::Duration kBufferTimeout = absl::Seconds(10);
// After an accept failed (no more descriptors), the next is tried so much later.
inline constexpr absl::Duration kAcceptBackoff = absl::Milliseconds(100);

inline constexpr absl::Duration kDefaultDeadline = absl::Seconds(60);
// A service that cancels so shortly before the deadline does it for the deadline.
inline constexpr absl::Duration kDeadlineSlack = absl::Milliseconds(10);
// After the deadline, trailers that follow bytes already on their way have this long.
inline constexpr absl::Duration kTrailerGrace = absl::Seconds(2);
inline constexpr absl::Duration kMaxDeadline = absl::Hours(1);
// Between the announcement of a drain and the last word on which calls are taken.
inline constexpr absl::Duration kDrainNotice = absl::Milliseconds(500);
inline constexpr int kDefaultDrainSeconds = 20;

// Of the field `accept` of a REST call, what is kept for an error.
inline constexpr size_t kMaxAccept = 256;

// Records that are written to the evidence log at once.
inline constexpr size_t kMaxEvidenceBatch = 1000;
inline constexpr size_t kMaxEvidenceBatchBytes = 1 << 20;
// Of a path that a record keeps; of that of a caller nobody knows.
inline constexpr size_t kMaxEvidencePath = 1024;
inline constexpr size_t kMaxStrangerPath = 128;
// Refused calls of such callers that a worker records in a second; the others are counted only.
inline constexpr int kMaxStrangerRecords = 100;
// When outcomes could not be written, the next try.
inline constexpr absl::Duration kEvidenceRetry = absl::Milliseconds(100);
// How often a call that lasts is noted.
inline constexpr absl::Duration kEvidenceProgress = absl::Minutes(5);
// With less room on its disk than this, new calls are refused: what is under way needs it to end.
inline constexpr uint64_t kEvidenceReserve = 64 << 20;
// How often it is looked for records whose retention is over.
inline constexpr absl::Duration kRetentionInterval = absl::Hours(1);

// Access tokens that a worker remembers as verified, and bad ones that a connection may show in a
// second.
inline constexpr size_t kMaxTokensPerWorker = 16'384;
inline constexpr int kMaxBadTokens = 20;
// Keys of one issuer of tokens.
inline constexpr int kMaxIssuerKeys = 4;

// Buckets that one trip to Redis leases from; the least time between two trips; and, without a
// need, how often Redis is looked at.
inline constexpr size_t kMaxQuotasPerTrip = 1000;
inline constexpr absl::Duration kQuotaTripSpacing = absl::Milliseconds(2);
inline constexpr absl::Duration kQuotaProbe = absl::Seconds(1);

// How often files (policy, certificates) are looked at.
inline constexpr absl::Duration kFileInterval = absl::Seconds(1);

// Callers (system, person, agreement, purpose, dossier) that a worker keeps with their
// `lgsp-caller`, and how long before its end that is made anew.
inline constexpr size_t kMaxKnownCallers = 16'384;
inline constexpr absl::Duration kCallerRenewal = absl::Seconds(15);

}  // namespace lgsp::gateway
