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

Connection::Connection(Worker* worker, TcpSocket socket, const TlsContext& tls)
    : worker_(worker),
      handshake_deadline_(worker->now() + absl::ToChronoNanoseconds(kHandshakeTimeout)),
      socket_(tls == nullptr
                  ? std::variant<TcpSocket, TlsSocket>(std::move(socket))
                  : std::variant<TcpSocket, TlsSocket>(TlsSocket(std::move(socket), *tls))) {}

SSL* Connection::ssl() {
  auto* tls = std::get_if<TlsSocket>(&socket_);
  return tls == nullptr ? nullptr : tls->native_handle();
}

TcpSocket& Connection::tcp() {
  auto* tls = std::get_if<TlsSocket>(&socket_);
  return tls == nullptr ? std::get<TcpSocket>(socket_) : tls->next_layer();
}

void Connection::SetSocketOptions() {
  const int seconds = static_cast<int>(absl::ToInt64Seconds(kPeerTimeout));
  constexpr int kProbes = 2;
  error_code ignored;
  TcpSocket& socket = tcp();
  socket.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(SocketInt<IPPROTO_TCP, TCP_USER_TIMEOUT>(seconds * 1000), ignored);
  socket.set_option(boost::asio::socket_base::keep_alive(true), ignored);
  socket.set_option(SocketInt<IPPROTO_TCP, TCP_KEEPIDLE>(seconds), ignored);
  socket.set_option(SocketInt<IPPROTO_TCP, TCP_KEEPINTVL>(seconds / kProbes), ignored);
  socket.set_option(SocketInt<IPPROTO_TCP, TCP_KEEPCNT>(kProbes), ignored);
}

void Connection::Handshake(Role role) {
  auto* tls = std::get_if<TlsSocket>(&socket_);
  if (tls == nullptr) {
    if (FindCodec() || role == Role::kServer) Read();
    return;
  }
  tls->async_handshake(role == Role::kServer ? TlsSocket::server : TlsSocket::client,
                       [self = shared_from_this()](const error_code& error) {
                         if (self->closed_) return;
                         if (error) {
                           self->OnHandshakeFailed(error);
                           self->CloseGently();
                         } else if (self->FindCodec()) {
                           self->Read();
                         } else {
                           self->CloseGently();
                         }
                       });
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
  std::visit(
      [this](auto& socket) {
        socket.async_read_some(boost::asio::buffer(read_buffer_),
                               [self = shared_from_this()](const error_code& error, size_t bytes) {
                                 self->OnRead(error, bytes);
                               });
      },
      socket_);
}

void Connection::OnRead(const error_code& error, size_t bytes) {
  reading_ = false;
  if (closed_) return;
  if (error) {
    in_callback_ = true;
    if (codec_ != nullptr && error == boost::asio::error::eof) codec_->ReceiveEnd();
    in_callback_ = false;
    return Close();
  }
  const absl::string_view read(read_buffer_.data(), bytes);
  if (codec_ != nullptr) return Receive(read);
  first_bytes_.append(read.data(), read.size());
  if (!FindCodec()) return Read();
  Receive(std::exchange(first_bytes_, ""));
}

void Connection::Receive(absl::string_view bytes) {
  if (closed_) return;
  in_callback_ = true;
  const bool well_formed = codec_->Receive(bytes);
  in_callback_ = false;
  const bool hoards = codec_->hoards();
  if (hoards) worker_->metrics().shed_connections.Add();
  if (close_wanted_ || hoards) return Close();
  if (!well_formed) {
    // Nothing more is read; what explains it to the peer goes out first.
    last_flush_ = true;
  } else if (codec_->wants_read()) {
    Read();
  }
  FlushSoon();
}

void Connection::FlushSoon() {
  if (dirty_ || closed_) return;
  dirty_ = true;
  worker_->AddDirty(shared_from_this());
}

void Connection::Flush() {
  dirty_ = false;
  if (closed_ || write_pending_) return;
  if (codec_ == nullptr) {
    if (last_flush_) Close();
    return;
  }
  in_callback_ = true;
  const bool produced = codec_->Produce(write_buffer_, kWriteBufferBytes);
  in_callback_ = false;
  if (close_wanted_ || !produced) return Close();
  // The end of a stream may have made room for the next.
  if (!last_flush_ && codec_->wants_read()) Read();
  if (!write_buffer_.empty()) return Write();
  if (last_flush_ || codec_->finished()) CloseGently();
}

void Connection::Write() {
  writing_.swap(write_buffer_);
  write_buffer_.clear();
  write_pending_ = true;
  write_begun_ = worker_->now();
  std::visit(
      [this](auto& socket) {
        boost::asio::async_write(socket, boost::asio::buffer(writing_),
                                 [self = shared_from_this()](const error_code& error, size_t) {
                                   self->OnWritten(error);
                                 });
      },
      socket_);
}

void Connection::OnWritten(const error_code& error) {
  write_pending_ = false;
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
  tcp().close(ignored);
  End();
}

void Connection::CloseGently() {
  if (closed_) return;
  error_code ignored;
  tcp().shutdown(TcpSocket::shutdown_send, ignored);
  auto timer = std::make_shared<boost::asio::steady_timer>(worker_->io(),
                                                           absl::ToChronoNanoseconds(kLinger));
  timer->async_wait([self = shared_from_this()](const error_code&) {
    error_code unimportant;
    self->tcp().close(unimportant);
  });
  End();
  Linger(std::move(timer));
}

void Connection::Linger(std::shared_ptr<boost::asio::steady_timer> timer) {
  tcp().async_read_some(boost::asio::buffer(read_buffer_),
                        [self = shared_from_this(), timer](const error_code& error, size_t) {
                          if (error) {
                            timer->cancel();
                          } else {
                            self->Linger(timer);
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
