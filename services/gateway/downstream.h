// The connection of a system.
#pragma once

#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "services/gateway/connection.h"
#include "services/gateway/exchange.h"
#include "services/gateway/identify.h"

namespace lgsp::gateway {

class Downstream final : public Connection {
 public:
  // `fixed_system`: of a listener without TLS, the name of the system that calls; empty: tokens
  // say.
  Downstream(Worker* worker, TcpSocket socket, const TlsContext& tls, std::string fixed_system);

  void Start() {
    SetSocketOptions();
    Begin();
  }
  // Says that no new calls are taken, lets those under way end.
  void AnnounceDrain();
  void EndStreams();

  Peer& peer() { return peer_; }

  void SubmitResponse(int32_t stream_id, const Headers& head, bool end_stream);
  void SubmitTrailers(int32_t stream_id, const Headers& trailers);
  bool carries_trailers() const { return codec_->carries_trailers(); }
  // Bytes held for the calls of this connection, in both directions.
  void CountBuffered(int64_t change);
  int64_t buffered() const { return buffered_; }
  // Ends the calls that `policy` does not allow.
  void OnPolicy(const Policy& policy);

  void Sweep(SteadyTime now) override;

 protected:
  std::unique_ptr<Codec> MakeCodec(absl::string_view first_bytes) override;
  void OnReady() override;
  void OnHandshakeFailed(unsigned long error) override;
  void OnBeginHeaders(int32_t stream_id, bool request) override;
  bool OnHeader(int32_t stream_id, absl::string_view name, absl::string_view value) override;
  void OnHeadersDone(int32_t stream_id, bool end_stream) override;
  void OnData(int32_t stream_id, absl::string_view data) override;
  void OnEndOfData(int32_t stream_id) override;
  void OnStreamClosed(int32_t stream_id, uint32_t error_code) override;
  void OnEndSent(int32_t stream_id) override;
  ssize_t ReadBody(int32_t stream_id, uint8_t* buffer, size_t size, uint32_t* flags) override;
  void OnClosed() override;

 private:
  Exchange* Find(int32_t stream_id);

  Peer peer_;
  absl::flat_hash_map<int32_t, std::unique_ptr<Exchange>> exchanges_;
  SteadyTime last_activity_, headers_begun_;
  // The stream whose header block is not complete.
  int32_t open_headers_ = 0;
  absl::Time certificate_end_ = absl::InfiniteFuture();
  int64_t buffered_ = 0;
};

}  // namespace lgsp::gateway
