// HTTP/1.1 (RFC 9112): the calls of a connection are streams that come one after the other, with
// the ids 1, 3, 5. A message is parsed by Boost.Beast and written here.
#pragma once

#include <memory>
#include <optional>

#include "services/gateway/codec.h"

namespace lgsp::gateway {

class H1Codec final : public Codec {
 public:
  enum class Role { kServer, kClient };

  // `events` outlives it.
  H1Codec(Role role, StreamEvents* events);
  ~H1Codec() override;

  bool Receive(absl::string_view bytes) override;
  void ReceiveEnd() override;
  bool Produce(std::string& out, size_t max) override;
  bool finished() const override { return finished_; }
  bool wants_read() const override;
  int32_t SubmitRequest(const Headers& head, bool end_stream, bool caller_repeats) override;
  void SubmitResponse(int32_t stream_id, const Headers& head, bool end_stream) override;
  void SubmitTrailers(int32_t, const Headers&) override {}
  void AnnounceEnd() override { keep_alive_ = false; }
  void EndStreams() override;
  void Consume(int32_t stream_id, size_t bytes) override;
  void Resume(int32_t stream_id) override;
  void Reset(int32_t stream_id, uint32_t error_code) override;
  bool WindowIsShut(int32_t) const override { return false; }
  bool carries_trailers() const override { return false; }
  size_t MaxStreams() const override;

 private:
  class Parser;
  template <bool kRequest>
  class ParserOf;

  // What the parser tells. False: the message is refused.
  bool OnRequestLine(absl::string_view method, absl::string_view target, int version);
  bool OnStatusLine(int code);
  bool OnField(absl::string_view name, absl::string_view value);
  bool OnHead(bool ended, bool keep_alive);
  void OnBody(absl::string_view data);
  void OnEnd();

  bool IsCurrent(int32_t stream_id) const { return open_ && stream_id == stream_id_; }
  void Parse();
  bool BeginMessage();
  void EndMessage();
  // `status`: the answer to a request that is none.
  void Malformed(absl::string_view status, absl::string_view reason, absl::string_view message);
  void BeginBody(const Headers& head, bool end_stream, bool may_have_body);
  void WriteFields(const Headers& head);
  bool WriteBody(std::string& out);
  void WriteChunk(std::string& out, absl::string_view data) const;
  void EndStream();

  const Role role_;
  StreamEvents* const events_;
  int32_t stream_id_ = -1;
  // `open_`: a stream is under way; `broken_`: only the end of the connection can say how it ended.
  bool open_ = false, keep_alive_ = true, finished_ = false, broken_ = false;

  // The message that comes.
  std::unique_ptr<Parser> parser_;
  std::string in_;
  size_t unconsumed_ = 0;
  int status_ = 0, hosts_ = 0;
  bool received_ = false, head_request_ = false, continue_wanted_ = false, headless_ = true;
  absl::string_view refusal_;

  // The message that goes.
  std::string out_;
  bool head_submitted_ = false, head_sent_ = false, sending_ = false, sent_ = false,
       deferred_ = false, chunked_ = false, without_body_ = false, ended_at_once_ = false;
  std::optional<uint64_t> left_;
};

}  // namespace lgsp::gateway
