// What makes streams of a connection's bytes: HTTP/2 (h2_codec.h) or HTTP/1.1 (h1_codec.h), where
// streams come one after the other. Neither blocks, nor knows a socket.
#pragma once

#include <nghttp2/nghttp2.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "services/gateway/headers.h"

namespace lgsp::gateway {

// What a codec tells, in the words of HTTP/2: error codes, flags and ReadBody are nghttp2's.
class StreamEvents {
 public:
  virtual ~StreamEvents() = default;
  virtual void OnBeginHeaders(int32_t stream_id, bool request) = 0;
  // Names in lower case. False: the block is too large; the stream is reset.
  virtual bool OnHeader(int32_t stream_id, absl::string_view name, absl::string_view value) = 0;
  virtual void OnHeadersDone(int32_t stream_id, bool end_stream) = 0;
  virtual void OnData(int32_t stream_id, absl::string_view data) = 0;
  virtual void OnEndOfData(int32_t stream_id) = 0;
  virtual void OnStreamClosed(int32_t stream_id, uint32_t error_code) = 0;
  virtual void OnHeadersSent(int32_t) {}
  virtual void OnEndSent(int32_t) {}
  virtual void OnHeadersNotSent(int32_t) {}
  // The peer has said how many streams it takes.
  virtual void OnPeerReady() {}
  virtual void OnGoaway(int32_t /*last_stream_id*/) {}
  // Fills `buffer` with body bytes of a stream: how many, or NGHTTP2_ERR_DEFERRED when there are
  // none yet. Sets `flags` as nghttp2's data source does.
  virtual ssize_t ReadBody(int32_t stream_id, uint8_t* buffer, size_t size, uint32_t* flags) = 0;
};

class Codec {
 public:
  virtual ~Codec() = default;

  // False: the bytes are not of the protocol. What explains that to the peer is still produced.
  virtual bool Receive(absl::string_view bytes) = 0;
  // The peer sends nothing more.
  virtual void ReceiveEnd() {}
  // Appends what is to be written, until `out` holds about `max`. False: the connection has to end.
  virtual bool Produce(std::string& out, size_t max) = 0;
  // Nothing more will be read or written.
  virtual bool finished() const = 0;
  // False while too much is held that was not consumed.
  virtual bool wants_read() const { return true; }
  // Too much waits for a peer that does not read.
  virtual bool hoards() const { return false; }

  // As client: the id of the new stream, or less than 0 when the connection takes no more.
  // `caller_repeats`: the stream before had the same `lgsp-caller`.
  virtual int32_t SubmitRequest(const Headers& head, bool end_stream, bool caller_repeats) = 0;
  // As server.
  virtual void SubmitResponse(int32_t stream_id, const Headers& head, bool end_stream) = 0;
  virtual void SubmitTrailers(int32_t stream_id, const Headers& trailers) = 0;
  // Says that no new streams are to come; that none will be taken.
  virtual void AnnounceEnd() = 0;
  virtual void EndStreams() = 0;

  // The peer's body bytes were passed on: it may send as many more.
  virtual void Consume(int32_t stream_id, size_t bytes) = 0;
  // A body that had nothing to send has something again.
  virtual void Resume(int32_t stream_id) = 0;
  virtual void Reset(int32_t stream_id, uint32_t error_code) = 0;
  // True when no body byte may be sent on a stream now.
  virtual bool WindowIsShut(int32_t stream_id) const = 0;
  // False: what comes after a body is lost.
  virtual bool carries_trailers() const = 0;
  // As client: how many streams the peer takes at once.
  virtual size_t MaxStreams() const = 0;
};

}  // namespace lgsp::gateway
