#include "services/gateway/connection.h"

#include <netinet/tcp.h>

#include <utility>

#include "services/gateway/worker.h"

namespace lgsp::gateway {
namespace {

using boost::system::error_code;

template <int kLevel, int kName>
using SocketInt = boost::asio::detail::socket_option::integer<kLevel, kName>;

}  // namespace

Connection::Connection(Worker* worker, TcpSocket socket, const TlsContext& tls, Role role)
    : worker_(worker),
      handshake_deadline_(worker->now() + absl::ToChronoNanoseconds(kHandshakeTimeout)),
      socket_(std::move(socket)),
      role_(role) {
  if (tls != nullptr) tls_.emplace(tls.get(), role);
}

void Connection::SetSocketOptions() {
  const int seconds = static_cast<int>(absl::ToInt64Seconds(kPeerTimeout));
  constexpr int kProbes = 2;
  error_code ignored;
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  socket_.set_option(SocketInt<IPPROTO_TCP, TCP_USER_TIMEOUT>(seconds * 1000), ignored);
  socket_.set_option(boost::asio::socket_base::keep_alive(true), ignored);
  socket_.set_option(SocketInt<IPPROTO_TCP, TCP_KEEPIDLE>(seconds), ignored);
  socket_.set_option(SocketInt<IPPROTO_TCP, TCP_KEEPINTVL>(seconds / kProbes), ignored);
  socket_.set_option(SocketInt<IPPROTO_TCP, TCP_KEEPCNT>(kProbes), ignored);
}

void Connection::Begin() {
  if (tls_.has_value()) {
    if (role_ == Role::kClient) tls_->Begin();
    FlushSoon();
  } else if (role_ == Role::kClient) {
    FindCodec();
  }
  Read();
}

bool Connection::FindCodec() {
  codec_ = MakeCodec(first_bytes_);
  if (codec_ == nullptr) return false;
  ready_ = true;
  OnReady();
  FlushSoon();
  return true;
}

void Connection::Read() {
  if (reading_ || closed_) return;
  reading_ = true;
  socket_.async_read_some(boost::asio::buffer(read_buffer_),
                          [self = shared_from_this()](const error_code& error, size_t bytes) {
                            self->OnRead(error, bytes);
                          });
}

void Connection::OnRead(const error_code& error, size_t bytes) {
  reading_ = false;
  if (closed_) return;
  if (error) {
    if (tls_.has_value() && !ready_ && !last_flush_) OnHandshakeFailed(0);
    // With TLS the peer says by it that nothing follows; without it was cut off.
    if (error == boost::asio::error::eof && !tls_.has_value()) return OnEnd();
    return Close();
  }
  const absl::string_view read(read_buffer_.data(), bytes);
  const bool goes_on = tls_.has_value() ? OnTls(read) : OnBytes(read);
  if (closed_) return;
  if (goes_on && (codec_ == nullptr || codec_->wants_read())) Read();
  FlushSoon();
}

bool Connection::OnTls(absl::string_view bytes) {
  tls_->Receive(bytes);
  if (!ready_ && !OnHandshake()) return !last_flush_;
  std::array<char, kTlsReadBytes> plain;
  for (;;) {
    const absl::string_view read = tls_->Read(absl::MakeSpan(plain));
    if (read.empty()) break;
    if (!OnBytes(read)) return false;
  }
  if (tls_->state() == TlsFilter::State::kEnded) {
    OnEnd();
  } else if (tls_->output().size() > kWriteBufferBytes) {
    // Answers of TLS itself, to a peer that asks without end and reads none.
    worker_->metrics().shed_connections.Add();
    Close();
  } else if (tls_->state() == TlsFilter::State::kBroken) {
    last_flush_ = true;
  }
  return !last_flush_;
}

bool Connection::OnHandshake() {
  if (tls_->state() == TlsFilter::State::kHandshake) return false;
  if (tls_->state() == TlsFilter::State::kOpen && FindCodec()) return true;
  if (tls_->state() != TlsFilter::State::kOpen) OnHandshakeFailed(tls_->error());
  last_flush_ = true;
  return false;
}

bool Connection::OnBytes(absl::string_view bytes) {
  if (codec_ != nullptr) return Receive(bytes);
  first_bytes_.append(bytes.data(), bytes.size());
  return !FindCodec() || Receive(std::exchange(first_bytes_, ""));
}

bool Connection::Receive(absl::string_view bytes) {
  if (closed_) return false;
  in_callback_ = true;
  const bool well_formed = codec_->Receive(bytes);
  in_callback_ = false;
  const bool hoards = codec_->hoards();
  if (hoards) worker_->metrics().shed_connections.Add();
  if (close_wanted_ || hoards) {
    Close();
    return false;
  }
  // Nothing more is read; what explains it to the peer goes out first.
  if (!well_formed) last_flush_ = true;
  return well_formed;
}

void Connection::OnEnd() {
  in_callback_ = true;
  if (codec_ != nullptr) codec_->ReceiveEnd();
  in_callback_ = false;
  Close();
}

void Connection::FlushSoon() {
  if (dirty_ || closed_) return;
  dirty_ = true;
  worker_->AddDirty(shared_from_this());
}

void Connection::Flush() {
  dirty_ = false;
  if (closed_ || write_pending_) return;
  if (codec_ != nullptr) {
    in_callback_ = true;
    const bool produced = codec_->Produce(write_buffer_, kWriteBufferBytes);
    in_callback_ = false;
    if (close_wanted_ || !produced) return Close();
    // The end of a stream may have made room for the next.
    if (!last_flush_ && codec_->wants_read()) Read();
  }
  Write();
  if (!write_pending_ && (last_flush_ || (codec_ != nullptr && codec_->finished()))) CloseGently();
}

void Connection::Write() {
  if (tls_.has_value()) {
    tls_->Send(write_buffer_);
    writing_.swap(tls_->output());
    tls_->output().clear();
  } else {
    writing_.swap(write_buffer_);
  }
  write_buffer_.clear();
  if (writing_.empty()) return;
  write_pending_ = true;
  write_begun_ = worker_->now();
  boost::asio::async_write(
      socket_, boost::asio::buffer(writing_),
      [self = shared_from_this()](const error_code& error, size_t) { self->OnWritten(error); });
}

void Connection::OnWritten(const error_code& error) {
  write_pending_ = false;
  writing_.clear();
  if (closed_) return;
  if (error) return Close();
  FlushSoon();
}

void Connection::CloseWhenWritten() {
  last_flush_ = true;
  FlushSoon();
}

void Connection::Close() {
  if (closed_) return;
  if (in_callback_) {
    close_wanted_ = true;
    return;
  }
  error_code ignored;
  socket_.close(ignored);
  End();
}

void Connection::CloseGently() {
  if (closed_) return;
  error_code ignored;
  socket_.shutdown(TcpSocket::shutdown_send, ignored);
  auto timer = std::make_shared<boost::asio::steady_timer>(worker_->io(),
                                                           absl::ToChronoNanoseconds(kLinger));
  timer->async_wait([self = shared_from_this()](const error_code&) {
    error_code unimportant;
    self->socket_.close(unimportant);
  });
  End();
  Linger(std::move(timer), 0);
}

void Connection::Linger(std::shared_ptr<boost::asio::steady_timer> timer, size_t read) {
  socket_.async_read_some(
      boost::asio::buffer(read_buffer_),
      [self = shared_from_this(), timer, read](const error_code& error, size_t bytes) {
        if (error || read + bytes > kMaxLingerBytes) {
          timer->cancel();
        } else {
          self->Linger(timer, read + bytes);
        }
      });
}

void Connection::End() {
  closed_ = true;
  worker_->Forget(this);
  OnClosed();
}

void Connection::Sweep(SteadyTime now) {
  const bool late_handshake = !ready_ && now > handshake_deadline_;
  const bool stuck_write =
      write_pending_ && now - write_begun_ > absl::ToChronoNanoseconds(kWriteTimeout);
  if (late_handshake || stuck_write) return Close();
  if (!write_pending_ && now - write_begun_ > absl::ToChronoNanoseconds(kBufferTimeout)) {
    std::string().swap(write_buffer_);
    std::string().swap(writing_);
    if (tls_.has_value() && tls_->output().empty()) std::string().swap(tls_->output());
  }
}

bool Connection::WindowIsShut(int32_t stream_id) const {
  return closed_ || codec_->WindowIsShut(stream_id);
}

void Connection::Consume(int32_t stream_id, size_t bytes) {
  if (closed_ || bytes == 0) return;
  codec_->Consume(stream_id, bytes);
  if (!in_callback_ && !last_flush_ && codec_->wants_read()) Read();
  FlushSoon();
}

void Connection::Resume(int32_t stream_id) {
  if (closed_) return;
  codec_->Resume(stream_id);
  FlushSoon();
}

void Connection::Reset(int32_t stream_id, uint32_t error_code) {
  if (closed_) return;
  codec_->Reset(stream_id, error_code);
  FlushSoon();
}

}  // namespace lgsp::gateway
