#include "services/gateway/upstream.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"
#include "services/gateway/endpoint.h"
#include "services/gateway/h1_codec.h"
#include "services/gateway/h2_codec.h"
#include "services/gateway/worker.h"

namespace lgsp::gateway {
Upstream::Upstream(Worker* worker, TcpSocket socket, const TlsContext& tls, UpstreamGroup* group)
    : Connection(worker, std::move(socket), tls, Role::kClient), group_(group) {
  handshake_deadline_ = worker->now() + absl::ToChronoNanoseconds(kConnectTimeout);
  if (ssl() != nullptr) OfferProtocol(ssl(), group->http1);
}

void Upstream::Connect() {
  const auto endpoint = ParseEndpoint(group_->address);
  if (!endpoint.ok()) return Close();  // the policy was compiled without this check
  tcp().async_connect(*endpoint, [self = std::static_pointer_cast<Upstream>(shared_from_this())](
                                     const boost::system::error_code& failed) {
    if (!self->open()) return;
    if (failed) return self->Close();
    self->SetSocketOptions();
    self->Begin();
  });
}

std::unique_ptr<Codec> Upstream::MakeCodec(absl::string_view) {
  if (ssl() != nullptr && !PeerHasUri(ssl(), group_->tls_identity)) return nullptr;
  if (group_->http1) return std::make_unique<H1Codec>(H1Codec::Role::kClient, events());
  if (ssl() != nullptr && !AgreedOnH2(ssl())) return nullptr;
  return std::make_unique<H2Codec>(H2Codec::Role::kClient, events());
}

void Upstream::OnReady() {
  worker_->metrics().upstream_connections.Add(1);
  // HTTP/1.1 has no SETTINGS to wait for.
  if (group_->http1) OnPeerReady();
}

void Upstream::OnPeerReady() {
  settings_seen_ = true;
  worker_->pool().Connected(group_);
  worker_->Post([pool = &worker_->pool(), group = group_] { pool->Changed(group); });
}

void Upstream::Sweep(SteadyTime now) {
  if (!settings_seen_ && now > handshake_deadline_) return Close();
  Connection::Sweep(now);
}

bool Upstream::HasRoom() const {
  if (!open() || !settings_seen_ || going_away_) return false;
  return streams_.size() < std::min(codec_->MaxStreams(), kMaxStreamsPerUpstream);
}

void Upstream::Open(Exchange* exchange) {
  const Headers head = exchange->UpstreamHead(group_->address);
  const bool repeats = exchange->caller() == last_caller_;
  last_caller_ = exchange->caller();
  const int32_t id = codec_->SubmitRequest(head, exchange->request_ended_at_once(), repeats);
  if (id < 0) {
    going_away_ = true;  // stream ids are used up
    return exchange->OnUpstreamClosed(NGHTTP2_REFUSED_STREAM, true);
  }
  streams_[id].exchange = exchange;
  exchange->OnUpstreamStarted(this, id);
  FlushSoon();
}

void Upstream::Abandon(int32_t stream_id) {
  if (streams_.erase(stream_id) == 0 || !open()) return;
  Reset(stream_id, NGHTTP2_CANCEL);
  worker_->Post([pool = &worker_->pool(), group = group_] { pool->Changed(group); });
}

Exchange* Upstream::Find(int32_t stream_id) {
  const auto it = streams_.find(stream_id);
  return it == streams_.end() ? nullptr : it->second.exchange;
}

bool Upstream::NotTaken(int32_t stream_id, const Stream& stream, uint32_t error_code) const {
  // RFC 9113, 8.7: what REFUSED_STREAM and GOAWAY promise.
  return !stream.sent || stream_id > last_taken_ || error_code == NGHTTP2_REFUSED_STREAM;
}

bool Upstream::OnHeader(int32_t stream_id, absl::string_view name, absl::string_view value) {
  Exchange* exchange = Find(stream_id);
  return exchange != nullptr && exchange->AddResponseHeader(name, value);
}

void Upstream::OnHeadersDone(int32_t stream_id, bool end_stream) {
  const auto it = streams_.find(stream_id);
  if (it == streams_.end()) return;
  if (!it->second.answered) worker_->pool().Answered(group_);
  it->second.answered = true;
  it->second.exchange->OnResponseHead(end_stream);
}

void Upstream::OnData(int32_t stream_id, absl::string_view data) {
  if (Exchange* exchange = Find(stream_id)) {
    exchange->OnResponseData(data);
  } else {
    Consume(stream_id, data.size());
  }
}

void Upstream::OnEndOfData(int32_t stream_id) {
  if (Exchange* exchange = Find(stream_id)) exchange->OnResponseEnd();
}

void Upstream::OnStreamClosed(int32_t stream_id, uint32_t error_code) {
  const auto it = streams_.find(stream_id);
  if (it == streams_.end()) return;
  const Stream stream = it->second;
  streams_.erase(it);
  stream.exchange->OnUpstreamClosed(error_code, NotTaken(stream_id, stream, error_code));
  if (!group_->waiting.empty()) {
    worker_->Post([pool = &worker_->pool(), group = group_] { pool->Changed(group); });
  }
}

void Upstream::OnHeadersSent(int32_t stream_id) {
  const auto it = streams_.find(stream_id);
  if (it != streams_.end()) it->second.sent = true;
}

void Upstream::OnHeadersNotSent(int32_t stream_id) {
  OnStreamClosed(stream_id, NGHTTP2_REFUSED_STREAM);
}

void Upstream::OnGoaway(int32_t last_stream_id) {
  going_away_ = true;
  last_taken_ = last_stream_id;
}

ssize_t Upstream::ReadBody(int32_t stream_id, uint8_t* buffer, size_t size, uint32_t* flags) {
  Exchange* exchange = Find(stream_id);
  if (exchange == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  return exchange->ReadRequest(buffer, size, flags);
}

void Upstream::OnClosed() {
  if (ready_) worker_->metrics().upstream_connections.Add(-1);
  // nghttp2 does not report streams of a session that ends.
  absl::flat_hash_map<int32_t, Stream> streams;
  streams.swap(streams_);
  // Once, however many calls were on it.
  if (!streams.empty() && !going_away_) worker_->pool().ConnectionLost(group_);
  worker_->pool().Ended(group_, this, settings_seen_);
  for (const auto& [id, stream] : streams) {
    stream.exchange->OnUpstreamClosed(NGHTTP2_INTERNAL_ERROR,
                                      NotTaken(id, stream, NGHTTP2_INTERNAL_ERROR));
  }
}

}  // namespace lgsp::gateway
