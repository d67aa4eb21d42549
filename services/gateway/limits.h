// Every limit of the gateway, by name.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace lgsp::gateway {

// Reading and writing: one read fills at most this much, a turn of one connection reads it at most
// so often, and one flush sends at most that much, so that no connection starves the others.
inline constexpr size_t kReadBufferBytes = 64 << 10;
inline constexpr int kReadsPerTurn = 4;
inline constexpr size_t kFlushBytes = 256 << 10;
// TLS plaintext that one SSL_read can return.
inline constexpr size_t kTlsRecordBytes = 16 << 10;

// HTTP/2, towards both sides.
inline constexpr int32_t kStreamWindow = 256 << 10;
inline constexpr int32_t kConnectionWindow = 4 << 20;
inline constexpr uint32_t kMaxStreamsPerConnection = 128;
// Names, values and 32 bytes each (RFC 9113, 6.5.2). Beyond it the call is answered with an error;
// beyond kMaxHeaderBytesRead the connection is closed, as decoding costs more than reading.
inline constexpr size_t kMaxHeaderBytes = 16 << 10;
inline constexpr size_t kMaxResponseHeaderBytes = 32 << 10;
inline constexpr size_t kMaxHeaderBytesRead = 256 << 10;
// Streams a client may reset: at once, and per second from then on. Honest clients with short
// deadlines reset many.
inline constexpr uint64_t kResetBurst = 10'000;
inline constexpr uint64_t kResetsPerSecond = 1'000;
// Frames in a row that carry one header block.
inline constexpr size_t kMaxContinuations = 8;

// A worker's load. A stream never holds more than its window in each direction, a connection not
// more than kMaxStreamsPerConnection such streams. When all of a worker's streams together hold
// more than kMaxBufferedBytes, new calls are refused, and calls that hold more than kHoardBytes
// and want more are ended.
inline constexpr size_t kMaxConnectionsPerWorker = 4096;
inline constexpr size_t kMaxInflightPerWorker = 4096;
inline constexpr size_t kMaxBufferedBytes = 256 << 20;
inline constexpr size_t kHoardBytes = 64 << 10;
// Request bytes kept after sending, so that a call the upstream refused unprocessed can be repeated.
inline constexpr size_t kReplayBytes = 16 << 10;
// Memory that a finished exchange may keep for the next one, and how many are kept.
inline constexpr size_t kKeepBytes = 32 << 10;
inline constexpr size_t kMaxIdleExchanges = 1024;
inline constexpr size_t kMaxCachedCallers = 4096;

// A gRPC message from a consumer; beyond it RESOURCE_EXHAUSTED.
inline constexpr uint32_t kMaxMessageBytes = 4 << 20;
// Requests to the gateway's own services (health, reflection) are names.
inline constexpr uint32_t kMaxLocalMessageBytes = 16 << 10;
// Answers of the gateway's own streaming services that the consumer has not taken yet; beyond it
// further requests of that stream wait.
inline constexpr size_t kMaxLocalBacklog = 256 << 10;

// Upstreams, per worker. A connection is added only when the others are full.
inline constexpr size_t kMaxConnectionsPerUpstream = 4;
inline constexpr size_t kMaxWaitingPerUpstream = 1024;
inline constexpr int kMaxAttempts = 2;
inline constexpr absl::Duration kConnectTimeout = absl::Seconds(5);
inline constexpr absl::Duration kMinBackoff = absl::Milliseconds(100);
inline constexpr absl::Duration kMaxBackoff = absl::Seconds(5);

// Deadlines of calls: for unary calls without one, and the longest for any call.
inline constexpr absl::Duration kDefaultDeadline = absl::Seconds(60);
inline constexpr absl::Duration kMaxDeadline = absl::Hours(1);

// Connections from consumers.
inline constexpr absl::Duration kHandshakeTimeout = absl::Seconds(10);
inline constexpr absl::Duration kIdleTimeout = absl::Minutes(15);
// A peer that takes no byte for so long although bytes wait for it is gone.
inline constexpr absl::Duration kWriteStall = absl::Seconds(30);
// Between the warning and the final GOAWAY of a drain.
inline constexpr absl::Duration kGoawayNotice = absl::Milliseconds(500);
inline constexpr absl::Duration kDefaultDrain = absl::Seconds(20);
// After the drain's end: for what was reset to be written.
inline constexpr absl::Duration kLastFlush = absl::Seconds(1);
// When accepting fails (no file descriptors left).
inline constexpr absl::Duration kAcceptPause = absl::Milliseconds(100);

// `lgsp-caller` is renewed so long before its end.
inline constexpr absl::Duration kCallerMargin = absl::Seconds(15);
// How often files are looked at for changes.
inline constexpr absl::Duration kFilePollInterval = absl::Seconds(1);
inline constexpr size_t kMaxPolicyKeys = 2;
inline constexpr int kMaxWorkers = 256;

// What consumers may write.
inline constexpr size_t kMaxPurposeBytes = 64;
inline constexpr size_t kMaxDossierBytes = 128;
// When to try again after an overload.
inline constexpr absl::Duration kOverloadRetry = absl::Seconds(1);

}  // namespace lgsp::gateway
