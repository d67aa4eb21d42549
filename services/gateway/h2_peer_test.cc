#include "services/gateway/h2_peer_test.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/status/status.h"
#include "services/gateway/h2_codec.h"

namespace lgsp::gateway {
namespace {

constexpr std::chrono::seconds kPatience{30};
constexpr int kPollMillis = 20;
constexpr int32_t kConnectionCredit = 1 << 30;
constexpr size_t kGatherBytes = 256 << 10;
// OpenSSL gives a received alert as a reason so much higher.
constexpr int kAlertOffset = SSL_AD_REASON_OFFSET;

H2Peer* Self(void* user) { return static_cast<H2Peer*>(user); }

char PatternAt(size_t place) { return static_cast<char>((place * 2654435761u) >> 13); }

void LoadIdentity(SSL_CTX* context, const keys::CertifiedKey& identity) {
  BIO* bio = BIO_new_mem_buf(identity.certificate_pem.data(), -1);
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  bio = BIO_new_mem_buf(identity.private_key_pem.data(), -1);
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  REQUIRE(SSL_CTX_use_certificate(context, certificate) == 1);
  REQUIRE(SSL_CTX_use_PrivateKey(context, key) == 1);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

int NewSocket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  REQUIRE(fd >= 0);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

}  // namespace

PeerTls MakePeerTls(bool server, const keys::CertifiedKey* identity,
                    absl::string_view authority_pem, int max_version) {
  PeerTls context(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()), SSL_CTX_free);
  if (identity != nullptr) LoadIdentity(context.get(), *identity);
  if (!authority_pem.empty()) {
    BIO* bio = BIO_new_mem_buf(authority_pem.data(), static_cast<int>(authority_pem.size()));
    X509* authority = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    REQUIRE(X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority) == 1);
    X509_free(authority);
    BIO_free(bio);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  SSL_CTX_set_max_proto_version(context.get(), max_version);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (server) {
    SSL_CTX_set_alpn_select_cb(
        context.get(),
        [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in,
           unsigned int in_size, void*) {
          static const unsigned char kH2[] = {2, 'h', '2'};
          unsigned char* chosen = nullptr;
          const int found = SSL_select_next_proto(&chosen, size, kH2, sizeof(kH2), in, in_size);
          *out = chosen;
          return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
        },
        nullptr);
  }
  return context;
}

std::string PeerStream::Field(absl::string_view name) const {
  for (const Headers* fields : {&head, &trailers}) {
    for (const Header field : *fields) {
      if (field.name == name) return std::string(field.value);
    }
  }
  return "";
}

absl::Status PeerStream::Outcome() const {
  int code = -1;
  if (!absl::SimpleAtoi(Field("grpc-status"), &code)) {
    return absl::UnknownError(absl::StrCat("no grpc-status; reset ", error_code.value_or(0)));
  }
  std::string bytes;
  google::rpc::Status details;
  if (absl::Base64Unescape(Field("grpc-status-details-bin"), &bytes) && !bytes.empty() &&
      details.ParseFromString(bytes) && details.code() == code) {
    return FromRpcStatus(details);
  }
  return absl::Status(static_cast<absl::StatusCode>(code), Field("grpc-message"));
}

H2Peer::H2Peer(int fd, PeerOptions options) : options_(std::move(options)), fd_(fd) {
  if (options_.tls == nullptr) {
    StartSession();
    return;
  }
  ssl_ = SSL_new(options_.tls.get());
  SSL_set_fd(ssl_, fd_);
  if (options_.server) {
    SSL_set_accept_state(ssl_);
    return;
  }
  SSL_set_connect_state(ssl_);
  if (!options_.alpn.empty()) {
    const std::string alpn =
        absl::StrCat(std::string(1, static_cast<char>(options_.alpn.size())), options_.alpn);
    SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(alpn.data()),
                        static_cast<unsigned int>(alpn.size()));
  }
}

H2Peer::~H2Peer() {
  nghttp2_session_del(session_);
  SSL_free(ssl_);
  if (fd_ >= 0) close(fd_);
}

void H2Peer::StartSession() {
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  if (options_.server) {
    nghttp2_session_server_new2(&session_, Callbacks(), this, option);
  } else {
    nghttp2_session_client_new2(&session_, Callbacks(), this, option);
  }
  nghttp2_option_del(option);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options_.window},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.max_streams}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, 2);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionCredit);
}

int32_t H2Peer::Request(const Headers& head, absl::string_view body, bool end) {
  nghttp2_data_provider provider;
  provider.read_callback = ReadOut;
  const auto fields = ToNv(head);
  const bool has_body = !end || !body.empty();
  const int32_t id = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                            has_body ? &provider : nullptr, nullptr);
  REQUIRE(id > 0);
  streams_[id].out = std::string(body);
  streams_[id].out_ended = end;
  return id;
}

void H2Peer::Respond(int32_t id, const Headers& head, bool end) {
  nghttp2_data_provider provider;
  provider.read_callback = ReadOut;
  const auto fields = ToNv(head);
  REQUIRE(nghttp2_submit_response(session_, id, fields.data(), fields.size(),
                                  end ? nullptr : &provider) == 0);
}

void H2Peer::Send(int32_t id, absl::string_view data) {
  absl::StrAppend(&streams_[id].out, data);
  nghttp2_session_resume_data(session_, id);
}

void H2Peer::SendPattern(int32_t id, size_t bytes) {
  streams_[id].pattern_left += bytes;
  nghttp2_session_resume_data(session_, id);
}

void H2Peer::End(int32_t id, Headers trailers) {
  streams_[id].out_ended = true;
  streams_[id].out_trailers = std::move(trailers);
  nghttp2_session_resume_data(session_, id);
}

void H2Peer::SubmitHeaders(int32_t id, const Headers& fields, bool end) {
  const auto nv = ToNv(fields);
  REQUIRE(nghttp2_submit_headers(session_, end ? NGHTTP2_FLAG_END_STREAM : NGHTTP2_FLAG_NONE, id,
                                 nullptr, nv.data(), nv.size(), nullptr) == 0);
}

void H2Peer::Reset(int32_t id, uint32_t error_code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, error_code);
}

void H2Peer::Goaway(int32_t last_id) {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last_id, NGHTTP2_NO_ERROR, nullptr, 0);
}

void H2Peer::Consume(int32_t id, size_t bytes) {
  nghttp2_session_consume_stream(session_, id, bytes);
}

void H2Peer::Abort() {
  const linger now = {1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  Stop();
}

void H2Peer::PauseReading(bool paused) {
  reading_ = !paused;
  // What OpenSSL has read already is not seen by poll.
  wants_write_ = true;
}

void H2Peer::Stop() {
  over_ = true;
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

int32_t H2Peer::SendWindow(int32_t id) const {
  return std::min(nghttp2_session_get_stream_remote_window_size(session_, id),
                  nghttp2_session_get_remote_window_size(session_));
}

short H2Peer::events() const {
  short wanted = reading_ ? POLLIN : 0;
  if (wants_write_ || !output_.empty() ||
      (session_ != nullptr && nghttp2_session_want_write(session_) != 0)) {
    wanted |= POLLOUT;
  }
  return wanted;
}

void H2Peer::Turn() {
  if (over_) return;
  wants_write_ = false;
  if (session_ == nullptr && !Handshake()) return;
  if (reading_) Receive();
  if (over_) return;
  Gather();
  if (!output_.empty()) Transmit();
}

bool H2Peer::MustWait(int result) {
  const int error = SSL_get_error(ssl_, result);
  if (error == SSL_ERROR_WANT_READ) return true;
  if (error == SSL_ERROR_WANT_WRITE) {
    wants_write_ = true;
    return true;
  }
  const int reason = ERR_GET_REASON(ERR_peek_error());
  if (error == SSL_ERROR_SSL && reason > kAlertOffset) alert_ = reason - kAlertOffset;
  ERR_clear_error();
  Stop();
  return false;
}

bool H2Peer::Handshake() {
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) {
    StartSession();
    return true;
  }
  // A socket that is not yet connected says so here; poll tells when it is.
  MustWait(result);
  return false;
}

void H2Peer::Receive() {
  char buffer[16 << 10];
  for (;;) {
    ssize_t size = 0;
    if (ssl_ != nullptr) {
      const int result = SSL_read(ssl_, buffer, sizeof(buffer));
      if (result <= 0) return static_cast<void>(MustWait(result));
      size = result;
    } else {
      size = recv(fd_, buffer, sizeof(buffer), 0);
      if (size < 0 && (errno == EAGAIN || errno == ENOTCONN)) return;
      if (size <= 0) return Stop();
    }
    const ssize_t used = nghttp2_session_mem_recv(
        session_, reinterpret_cast<const uint8_t*>(buffer), static_cast<size_t>(size));
    if (used < 0) return Stop();
    // A pause asked for by a test takes effect between two reads.
    if (!reading_) return;
  }
}

void H2Peer::Gather() {
  while (output_.size() < kGatherBytes) {
    const uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size <= 0) return;
    output_.append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
  }
}

void H2Peer::Transmit() {
  ssize_t size = 0;
  if (ssl_ != nullptr) {
    const int result = SSL_write(ssl_, output_.data(), static_cast<int>(output_.size()));
    if (result <= 0) return static_cast<void>(MustWait(result));
    size = result;
  } else {
    size = send(fd_, output_.data(), output_.size(), MSG_NOSIGNAL);
    if (size < 0 && (errno == EAGAIN || errno == ENOTCONN)) return;
    if (size < 0) return Stop();
  }
  output_.erase(0, static_cast<size_t>(size));
}

ssize_t H2Peer::ReadOut(nghttp2_session* session, int32_t id, uint8_t* buffer, size_t size,
                        uint32_t* flags, nghttp2_data_source*, void* user) {
  PeerStream& stream = Self(user)->streams_[id];
  size_t taken = std::min(size, stream.out.size());
  std::copy_n(stream.out.begin(), taken, buffer);
  stream.out.erase(0, taken);
  const size_t made = std::min(size - taken, stream.pattern_left);
  for (size_t i = 0; i < made; ++i) {
    buffer[taken + i] = static_cast<uint8_t>(PatternAt(stream.sent + taken + i));
  }
  stream.pattern_left -= made;
  taken += made;
  stream.sent += taken;
  if (stream.out_ended && stream.out.empty() && stream.pattern_left == 0) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!stream.out_trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const auto fields = ToNv(stream.out_trailers);
      nghttp2_submit_trailer(session, id, fields.data(), fields.size());
    }
    return static_cast<ssize_t>(taken);
  }
  return taken > 0 ? static_cast<ssize_t>(taken) : static_cast<ssize_t>(NGHTTP2_ERR_DEFERRED);
}

int H2Peer::OnFrame(const nghttp2_frame* frame) {
  const int32_t id = frame->hd.stream_id;
  const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (frame->hd.type == NGHTTP2_GOAWAY) goaways_.push_back(frame->goaway.last_stream_id);
  if (frame->hd.type == NGHTTP2_SETTINGS) settled_ = true;
  if (frame->hd.type == NGHTTP2_HEADERS) {
    PeerStream& stream = streams_[id];
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) incoming_.push_back(id);
    if (stream.has_head) {
      stream.trailers = std::move(block_);
    } else {
      const bool informational =
          !block_.empty() && block_[0].name == ":status" && block_[0].value[0] == '1';
      if (!informational) {
        stream.head = std::move(block_);
        stream.has_head = true;
      }
    }
    block_.clear();
    stream.ended = stream.ended || end;
  }
  if (frame->hd.type == NGHTTP2_DATA) streams_[id].ended = streams_[id].ended || end;
  return 0;
}

int H2Peer::OnData(int32_t id, absl::string_view data) {
  PeerStream& stream = streams_[id];
  if (options_.keep_bodies) {
    absl::StrAppend(&stream.body, data);
  } else {
    for (size_t i = 0; i < data.size(); ++i) {
      stream.pattern_holds = stream.pattern_holds && data[i] == PatternAt(stream.received + i);
    }
  }
  stream.received += data.size();
  nghttp2_session_consume_connection(session_, data.size());
  if (options_.consume) nghttp2_session_consume_stream(session_, id, data.size());
  return 0;
}

nghttp2_session_callbacks* H2Peer::Callbacks() {
  static nghttp2_session_callbacks* callbacks = [] {
    nghttp2_session_callbacks* made = nullptr;
    nghttp2_session_callbacks_new(&made);
    nghttp2_session_callbacks_set_on_header_callback(
        made, [](nghttp2_session*, const nghttp2_frame*, const uint8_t* name, size_t name_size,
                 const uint8_t* value, size_t value_size, uint8_t, void* user) {
          Self(user)->block_.push_back(
              {std::string(name, name + name_size), std::string(value, value + value_size)});
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        made, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          return Self(user)->OnFrame(frame);
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        made,
        [](nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t size, void* user) {
          return Self(user)->OnData(id, {reinterpret_cast<const char*>(data), size});
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        made, [](nghttp2_session*, int32_t id, uint32_t error_code, void* user) {
          Self(user)->streams_[id].error_code = error_code;
          return 0;
        });
    return made;
  }();
  return callbacks;
}

PeerLoop::PeerLoop() {
  // OpenSSL writes without MSG_NOSIGNAL, and peers of tests go away.
  std::signal(SIGPIPE, SIG_IGN);
}

PeerLoop::~PeerLoop() { CloseAll(); }

void PeerLoop::CloseAll() {
  for (PeerListener& listener : listeners_) StopListening(listener);
  clients_.clear();
  listeners_.clear();
}

PeerListener& PeerLoop::Listen(PeerOptions options, bool listening) {
  options.server = true;
  PeerListener& listener = listeners_.emplace_back();
  listener.fd = NewSocket();
  listener.listening = listening;
  listener.options = std::move(options);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  REQUIRE(bind(listener.fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE((!listening || listen(listener.fd, SOMAXCONN) == 0));
  REQUIRE(getsockname(listener.fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  listener.port = ntohs(address.sin_port);
  return listener;
}

void PeerLoop::BeginListening(PeerListener& listener) {
  REQUIRE(listen(listener.fd, SOMAXCONN) == 0);
  listener.listening = true;
}

void PeerLoop::StopListening(PeerListener& listener) {
  if (listener.fd >= 0) close(listener.fd);
  listener.fd = -1;
  listener.listening = false;
}

H2Peer& PeerLoop::Connect(int port, PeerOptions options) {
  const int fd = NewSocket();
  const sockaddr_in address = Loopback(port);
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  REQUIRE((result == 0 || errno == EINPROGRESS));
  return *clients_.emplace_back(std::make_unique<H2Peer>(fd, std::move(options)));
}

void PeerLoop::Accept(PeerListener& listener) {
  for (;;) {
    const int fd = accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    listener.peers.push_back(std::make_unique<H2Peer>(fd, listener.options));
  }
}

void PeerLoop::Turn() {
  std::vector<pollfd> fds;
  std::vector<H2Peer*> peers;
  const auto add = [&](H2Peer& peer) {
    if (peer.over()) return;
    fds.push_back({peer.fd(), peer.events(), 0});
    peers.push_back(&peer);
  };
  for (auto& client : clients_) add(*client);
  for (PeerListener& listener : listeners_) {
    for (auto& peer : listener.peers) add(*peer);
  }
  const size_t count = peers.size();
  for (PeerListener& listener : listeners_) {
    if (listener.listening) fds.push_back({listener.fd, POLLIN, 0});
  }
  // Not without end, as a condition may also be about something that no socket tells.
  poll(fds.data(), fds.size(), kPollMillis);
  for (size_t i = 0; i < count; ++i) {
    if (fds[i].revents != 0) peers[i]->Turn();
  }
  for (PeerListener& listener : listeners_) {
    if (listener.listening) Accept(listener);
  }
}

void PeerLoop::RunUntil(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) FAIL("what was waited for has not come in 30 s");
    Turn();
  }
}

}  // namespace lgsp::gateway
