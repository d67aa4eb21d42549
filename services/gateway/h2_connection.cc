#include "services/gateway/h2_connection.h"

#include <netinet/tcp.h>

#include "services/gateway/worker.h"

namespace lgsp::gateway {
namespace {

using boost::system::error_code;

template <int kLevel, int kName>
using SocketInt = boost::asio::detail::socket_option::integer<kLevel, kName>;

// Fields whose value is another one with every call: they would only push others out of the peer's
// table.
bool IsFresh(absl::string_view name, bool repeats) {
  return (name == "lgsp-caller" && !repeats) || name == "grpc-timeout" || name == "traceparent" ||
         name == "lgsp-exchange-id" || name == "lgsp-receipt";
}

H2Connection* Self(void* user_data) { return static_cast<H2Connection*>(user_data); }
absl::string_view View(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

nghttp2_option* Options() {
  static nghttp2_option* options = [] {
    nghttp2_option* made = nullptr;
    nghttp2_option_new(&made);
    nghttp2_option_set_no_auto_window_update(made, 1);
    nghttp2_option_set_no_closed_streams(made, 1);
    nghttp2_option_set_stream_reset_rate_limit(made, kResetBurst, kResetRate);
    return made;
  }();
  return options;
}

}  // namespace

absl::InlinedVector<nghttp2_nv, 24> ToNv(const Headers& fields, bool repeats) {
  absl::InlinedVector<nghttp2_nv, 24> out;
  for (const Header field : fields) {
    out.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(field.name.data())),
                   reinterpret_cast<uint8_t*>(const_cast<char*>(field.value.data())),
                   field.name.size(), field.value.size(),
                   static_cast<uint8_t>(IsFresh(field.name, repeats) ? NGHTTP2_NV_FLAG_NO_INDEX
                                                                     : NGHTTP2_NV_FLAG_NONE)});
  }
  return out;
}

H2Connection::H2Connection(Worker* worker, TcpSocket socket, const TlsContext& tls)
    : worker_(worker),
      handshake_deadline_(worker->now() + absl::ToChronoNanoseconds(kHandshakeTimeout)),
      socket_(tls == nullptr
                  ? std::variant<TcpSocket, TlsSocket>(std::move(socket))
                  : std::variant<TcpSocket, TlsSocket>(TlsSocket(std::move(socket), *tls))) {}

H2Connection::~H2Connection() { nghttp2_session_del(session_); }

SSL* H2Connection::ssl() {
  auto* tls = std::get_if<TlsSocket>(&socket_);
  return tls == nullptr ? nullptr : tls->native_handle();
}

TcpSocket& H2Connection::tcp() {
  auto* tls = std::get_if<TlsSocket>(&socket_);
  return tls == nullptr ? std::get<TcpSocket>(socket_) : tls->next_layer();
}

void H2Connection::SetSocketOptions() {
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

void H2Connection::Handshake(Role role) {
  auto* tls = std::get_if<TlsSocket>(&socket_);
  if (tls == nullptr) {
    StartSession(role);
    return;
  }
  tls->async_handshake(role == Role::kServer ? TlsSocket::server : TlsSocket::client,
                       [self = shared_from_this(), role](const error_code& error) {
                         if (self->closed_) return;
                         if (error) {
                           self->OnHandshakeFailed(error);
                           self->CloseGently();
                         } else if (!AgreedOnH2(self->ssl())) {
                           self->CloseGently();
                         } else {
                           self->StartSession(role);
                         }
                       });
}

void H2Connection::StartSession(Role role) {
  if (role == Role::kServer) {
    nghttp2_session_server_new2(&session_, Callbacks(), this, Options());
  } else {
    nghttp2_session_client_new2(&session_, Callbacks(), this, Options());
  }
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMaxHeaderBytes},
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
  // A server has nothing to say about push.
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, role == Role::kServer ? 3 : 4);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
  ready_ = true;
  OnReady();
  Read();
  FlushSoon();
}

void H2Connection::Read() {
  std::visit(
      [this](auto& socket) {
        socket.async_read_some(boost::asio::buffer(read_buffer_),
                               [self = shared_from_this()](const error_code& error, size_t bytes) {
                                 self->OnRead(error, bytes);
                               });
      },
      socket_);
}

void H2Connection::OnRead(const error_code& error, size_t bytes) {
  if (closed_) return;
  if (error) return Close();
  in_callback_ = true;
  const ssize_t used = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(read_buffer_.data()), bytes);
  in_callback_ = false;
  const bool hoards = nghttp2_session_get_outbound_queue_size(session_) > kMaxOutboundFrames;
  if (hoards) worker_->metrics().shed_connections.Add();
  if (close_wanted_ || hoards) return Close();
  if (used < 0) {
    // Nothing more is read; what explains it to the peer goes out first.
    nghttp2_session_terminate_session(
        session_, used == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
    last_flush_ = true;
  } else {
    Read();
  }
  FlushSoon();
}

void H2Connection::FlushSoon() {
  if (dirty_ || closed_) return;
  dirty_ = true;
  worker_->AddDirty(shared_from_this());
}

void H2Connection::Flush() {
  dirty_ = false;
  if (closed_ || write_pending_) return;
  if (session_ == nullptr) {
    if (last_flush_) Close();
    return;
  }
  in_callback_ = true;
  ssize_t size = 1;
  while (write_buffer_.size() < kWriteBufferBytes && size > 0) {
    const uint8_t* data = nullptr;
    size = nghttp2_session_mem_send(session_, &data);
    if (size > 0) {
      write_buffer_.append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
    }
  }
  in_callback_ = false;
  if (close_wanted_ || size < 0) return Close();
  if (!write_buffer_.empty()) return Write();
  if (last_flush_ ||
      (nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0)) {
    CloseGently();
  }
}

void H2Connection::Write() {
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

void H2Connection::OnWritten(const error_code& error) {
  write_pending_ = false;
  if (closed_) return;
  if (error) return Close();
  FlushSoon();
}

void H2Connection::CloseWhenWritten() {
  last_flush_ = true;
  FlushSoon();
}

void H2Connection::Close() {
  if (closed_) return;
  if (in_callback_) {
    close_wanted_ = true;
    return;
  }
  error_code ignored;
  tcp().close(ignored);
  End();
}

void H2Connection::CloseGently() {
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

void H2Connection::Linger(std::shared_ptr<boost::asio::steady_timer> timer) {
  tcp().async_read_some(boost::asio::buffer(read_buffer_),
                        [self = shared_from_this(), timer](const error_code& error, size_t) {
                          if (error) {
                            timer->cancel();
                          } else {
                            self->Linger(timer);
                          }
                        });
}

void H2Connection::End() {
  closed_ = true;
  worker_->Forget(this);
  OnClosed();
}

void H2Connection::Sweep(SteadyTime now) {
  const bool late_handshake = !ready_ && now > handshake_deadline_;
  const bool stuck_write =
      write_pending_ && now - write_begun_ > absl::ToChronoNanoseconds(kWriteTimeout);
  if (late_handshake || stuck_write) return Close();
  if (!write_pending_ && now - write_begun_ > absl::ToChronoNanoseconds(kBufferTimeout)) {
    std::string().swap(write_buffer_);
    std::string().swap(writing_);
  }
}

bool H2Connection::WindowIsShut(int32_t stream_id) const {
  return closed_ || nghttp2_session_get_remote_window_size(session_) <= 0 ||
         nghttp2_session_get_stream_remote_window_size(session_, stream_id) <= 0;
}

void H2Connection::Consume(int32_t stream_id, size_t bytes) {
  if (closed_ || bytes == 0) return;
  nghttp2_session_consume_stream(session_, stream_id, bytes);
  FlushSoon();
}

void H2Connection::Resume(int32_t stream_id) {
  if (closed_) return;
  nghttp2_session_resume_data(session_, stream_id);
  FlushSoon();
}

void H2Connection::Reset(int32_t stream_id, uint32_t error_code) {
  if (closed_) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream_id, error_code);
  FlushSoon();
}

nghttp2_data_provider H2Connection::BodyProvider() {
  nghttp2_data_provider provider;
  provider.source.ptr = nullptr;
  provider.read_callback = [](nghttp2_session*, int32_t stream_id, uint8_t* buffer, size_t size,
                              uint32_t* flags, nghttp2_data_source*, void* user) {
    return Self(user)->ReadBody(stream_id, buffer, size, flags);
  };
  return provider;
}

nghttp2_session_callbacks* H2Connection::Callbacks() {
  static nghttp2_session_callbacks* callbacks = [] {
    nghttp2_session_callbacks* made = nullptr;
    nghttp2_session_callbacks_new(&made);
    nghttp2_session_callbacks_set_on_begin_headers_callback(
        made, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          Self(user)->OnBeginHeaders(frame->hd.stream_id,
                                     frame->headers.cat == NGHTTP2_HCAT_REQUEST);
          return 0;
        });
    nghttp2_session_callbacks_set_on_header_callback(
        made,
        [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
           const uint8_t* value, size_t value_size, uint8_t, void* user) -> int {
          return Self(user)->OnHeader(frame->hd.stream_id, View(name, name_size),
                                      View(value, value_size))
                     ? 0
                     : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        made, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
          if (frame->hd.type == NGHTTP2_HEADERS) {
            Self(user)->OnHeadersDone(frame->hd.stream_id, end);
          } else if (frame->hd.type == NGHTTP2_DATA && end) {
            Self(user)->OnEndOfData(frame->hd.stream_id);
          } else if (frame->hd.type == NGHTTP2_SETTINGS &&
                     (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) {
            Self(user)->OnSettings();
          } else if (frame->hd.type == NGHTTP2_GOAWAY) {
            Self(user)->OnGoaway(frame->goaway.last_stream_id);
          }
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        made, [](nghttp2_session* session, uint8_t, int32_t stream_id, const uint8_t* data,
                 size_t size, void* user) {
          // The connection's window is for all streams: one that stalls must not hold the others.
          nghttp2_session_consume_connection(session, size);
          Self(user)->OnData(stream_id, View(data, size));
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        made, [](nghttp2_session*, int32_t stream_id, uint32_t error_code, void* user) {
          Self(user)->OnStreamClosed(stream_id, error_code);
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_send_callback(
        made, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          if (frame->hd.type == NGHTTP2_HEADERS) Self(user)->OnHeadersSent(frame->hd.stream_id);
          if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
              (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
            Self(user)->OnEndSent(frame->hd.stream_id);
          }
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_not_send_callback(
        made, [](nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
          if (frame->hd.type == NGHTTP2_HEADERS) Self(user)->OnHeadersNotSent(frame->hd.stream_id);
          return 0;
        });
    return made;
  }();
  return callbacks;
}

}  // namespace lgsp::gateway
