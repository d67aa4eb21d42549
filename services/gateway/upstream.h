// A connection to a service.
#pragma once

#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "services/gateway/connection.h"
#include "services/gateway/exchange.h"

namespace lgsp::gateway {

struct UpstreamGroup;

// One connection to one address of a service.
class Upstream final : public Connection {
 public:
  Upstream(Worker* worker, TcpSocket socket, const TlsContext& tls, UpstreamGroup* group);

  void Connect();
  // True when another stream can be opened now.
  bool HasRoom() const;
  // Calls on it.
  size_t load() const { return streams_.size(); }
  // Until its SETTINGS say how many streams it takes.
  bool connecting() const { return open() && !settings_seen_; }
  void Sweep(SteadyTime now) override;
  // False when it ends, or will not take another call.
  bool TakesCalls() const { return open() && !going_away_; }
  void Open(Exchange* exchange);
  // The exchange has no more interest in its stream.
  void Abandon(int32_t stream_id);

 protected:
  std::unique_ptr<Codec> MakeCodec(absl::string_view first_bytes) override;
  void OnReady() override;
  void OnBeginHeaders(int32_t, bool) override {}
  bool OnHeader(int32_t stream_id, absl::string_view name, absl::string_view value) override;
  void OnHeadersDone(int32_t stream_id, bool end_stream) override;
  void OnData(int32_t stream_id, absl::string_view data) override;
  void OnEndOfData(int32_t stream_id) override;
  void OnStreamClosed(int32_t stream_id, uint32_t error_code) override;
  void OnHeadersSent(int32_t stream_id) override;
  void OnHeadersNotSent(int32_t stream_id) override;
  void OnPeerReady() override;
  void OnGoaway(int32_t last_stream_id) override;
  ssize_t ReadBody(int32_t stream_id, uint8_t* buffer, size_t size, uint32_t* flags) override;
  void OnClosed() override;

 private:
  struct Stream {
    Exchange* exchange = nullptr;
    // Its head has been given to the socket: the service may have seen it.
    bool sent = false;
    bool answered = false;
  };
  Exchange* Find(int32_t stream_id);
  // True when the service has certainly not begun the call of a stream.
  bool NotTaken(int32_t stream_id, const Stream& stream, uint32_t error_code) const;

  UpstreamGroup* const group_;
  absl::flat_hash_map<int32_t, Stream> streams_;
  int32_t last_taken_ = INT32_MAX;
  // Of the call opened last: kept, so that no other can have its address.
  std::shared_ptr<const KnownCaller> last_caller_;
  bool going_away_ = false, settings_seen_ = false;
};

}  // namespace lgsp::gateway
