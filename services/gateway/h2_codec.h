// HTTP/2, by nghttp2.
#pragma once

#include "absl/container/inlined_vector.h"
#include "services/gateway/codec.h"

namespace lgsp::gateway {

class H2Codec final : public Codec {
 public:
  enum class Role { kServer, kClient };

  // `events` outlives it.
  H2Codec(Role role, StreamEvents* events);
  ~H2Codec() override;
  H2Codec(const H2Codec&) = delete;
  H2Codec& operator=(const H2Codec&) = delete;

  bool Receive(absl::string_view bytes) override;
  bool Produce(std::string& out, size_t max) override;
  bool finished() const override;
  bool hoards() const override;
  int32_t SubmitRequest(const Headers& head, bool end_stream, bool caller_repeats) override;
  void SubmitResponse(int32_t stream_id, const Headers& head, bool end_stream) override;
  void SubmitTrailers(int32_t stream_id, const Headers& trailers) override;
  void AnnounceEnd() override;
  void EndStreams() override;
  void Consume(int32_t stream_id, size_t bytes) override;
  void Resume(int32_t stream_id) override;
  void Reset(int32_t stream_id, uint32_t error_code) override;
  bool WindowIsShut(int32_t stream_id) const override;
  bool carries_trailers() const override { return true; }
  size_t MaxStreams() const override;

 private:
  static nghttp2_session_callbacks* Callbacks();

  nghttp2_session* session_ = nullptr;
};

// Header fields for nghttp2, valid as long as `fields`. Without `caller_repeats` the peer's table
// is not filled with `lgsp-caller`: another one follows.
absl::InlinedVector<nghttp2_nv, 24> ToNv(const Headers& fields, bool caller_repeats = true);

}  // namespace lgsp::gateway
