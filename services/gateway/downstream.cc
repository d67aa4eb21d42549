#include "services/gateway/downstream.h"

#include "absl/strings/match.h"
#include "services/gateway/h1_codec.h"
#include "services/gateway/h2_codec.h"
#include "services/gateway/worker.h"

namespace lgsp::gateway {
Downstream::Downstream(Worker* worker, TcpSocket socket, const TlsContext& tls,
                       std::string fixed_system)
    : Connection(worker, std::move(socket), tls, Role::kServer), last_activity_(worker->now()) {
  peer_.fixed_system = std::move(fixed_system);
  peer_.tls = tls != nullptr;
}

std::unique_ptr<Codec> Downstream::MakeCodec(absl::string_view first_bytes) {
  bool h2 = ssl() != nullptr && AgreedOnH2(ssl());
  if (ssl() == nullptr) {
    // RFC 9113, 3.4: so begins every HTTP/2 connection, and none of HTTP/1.1.
    const absl::string_view preface = absl::string_view(NGHTTP2_CLIENT_MAGIC).substr(0, 4);
    if (first_bytes.size() < preface.size()) return nullptr;
    h2 = absl::StartsWith(first_bytes, preface);
  }
  if (h2) return std::make_unique<H2Codec>(H2Codec::Role::kServer, events());
  return std::make_unique<H1Codec>(H1Codec::Role::kServer, events());
}

void Downstream::OnReady() {
  if (ssl() != nullptr) {
    peer_.spki_sha256 = PeerSpkiSha256(ssl());
    peer_.certificate_sha256 = PeerCertificateSha256(ssl());
    certificate_end_ = PeerNotAfter(ssl());
  }
  if (worker_->draining()) AnnounceDrain();
}

void Downstream::OnHandshakeFailed(unsigned long error) {
  worker_->metrics().TlsRejected(TlsFailureLabel(ssl(), error)).Add();
}

Exchange* Downstream::Find(int32_t stream_id) {
  const auto it = exchanges_.find(stream_id);
  return it == exchanges_.end() ? nullptr : it->second.get();
}

void Downstream::OnBeginHeaders(int32_t stream_id, bool request) {
  last_activity_ = headers_begun_ = worker_->now();
  open_headers_ = stream_id;
  if (request) exchanges_.emplace(stream_id, std::make_unique<Exchange>(worker_, this, stream_id));
}

bool Downstream::OnHeader(int32_t stream_id, absl::string_view name, absl::string_view value) {
  Exchange* exchange = Find(stream_id);
  if (exchange != nullptr) exchange->AddHeader(name, value);
  return exchange != nullptr;
}

void Downstream::OnHeadersDone(int32_t stream_id, bool end_stream) {
  open_headers_ = 0;
  if (Exchange* exchange = Find(stream_id)) exchange->OnRequestHead(end_stream);
}

void Downstream::OnData(int32_t stream_id, absl::string_view data) {
  last_activity_ = worker_->now();
  if (Exchange* exchange = Find(stream_id)) exchange->OnRequestData(data);
}

void Downstream::OnEndOfData(int32_t stream_id) {
  if (Exchange* exchange = Find(stream_id)) exchange->OnRequestEnd();
}

void Downstream::OnStreamClosed(int32_t stream_id, uint32_t) {
  exchanges_.erase(stream_id);
  if (open_headers_ == stream_id) open_headers_ = 0;  // its block was not well-formed
  last_activity_ = worker_->now();
}

void Downstream::OnEndSent(int32_t stream_id) {
  if (Exchange* exchange = Find(stream_id)) exchange->OnResponseSent();
}

ssize_t Downstream::ReadBody(int32_t stream_id, uint8_t* buffer, size_t size, uint32_t* flags) {
  Exchange* exchange = Find(stream_id);
  if (exchange == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  return exchange->ReadResponse(buffer, size, flags);
}

void Downstream::SubmitResponse(int32_t stream_id, const Headers& head, bool end_stream) {
  if (!open()) return;
  codec_->SubmitResponse(stream_id, head, end_stream);
  FlushSoon();
}

void Downstream::SubmitTrailers(int32_t stream_id, const Headers& trailers) {
  codec_->SubmitTrailers(stream_id, trailers);
  FlushSoon();
}

void Downstream::CountBuffered(int64_t change) {
  buffered_ += change;
  worker_->CountBuffered(change);
}

void Downstream::OnPolicy(const Policy& policy) {
  for (const auto& [id, exchange] : exchanges_) exchange->OnPolicy(policy);
}

void Downstream::AnnounceDrain() {
  if (!open() || codec_ == nullptr) return;
  codec_->AnnounceEnd();
  FlushSoon();
}

void Downstream::EndStreams() {
  if (!open()) return;
  if (codec_ == nullptr) return Close();
  codec_->EndStreams();
  FlushSoon();
}

void Downstream::Sweep(SteadyTime now) {
  Connection::Sweep(now);
  for (const auto& [id, exchange] : exchanges_) exchange->Sweep(now);
  const bool late_headers =
      open_headers_ != 0 && now - headers_begun_ > absl::ToChronoNanoseconds(kHeaderTimeout);
  peer_.bad_tokens = 0;
  const bool stranger = peer_.tls && SystemOf(*worker_->policy(), peer_) == nullptr;
  const absl::Duration idle_limit = stranger ? kStrangerIdleTimeout : kIdleTimeout;
  const bool unused =
      exchanges_.empty() && now - last_activity_ > absl::ToChronoNanoseconds(idle_limit);
  if (late_headers || unused) return Close();
  // Judged at the handshake, and a connection may live for long.
  if (worker_->clock().SecurityNow() > certificate_end_) {
    certificate_end_ = absl::InfiniteFuture();
    EndStreams();
  }
}

void Downstream::OnClosed() {
  // nghttp2 does not report streams of a session that ends.
  exchanges_.clear();
}

}  // namespace lgsp::gateway
