// The other side of the gateway's connections, under the full control of a test: an nghttp2 session
// over a non-blocking socket, moved on by the test's own thread in PeerLoop::RunUntil.
#pragma once

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libs/keys/x509.h"
#include "services/gateway/grpc_wire.h"

namespace lgsp::gateway {

using PeerTls = std::shared_ptr<SSL_CTX>;

// `identity` may be nullptr (a client without a certificate). The peer must be of `authority_pem`;
// empty: anyone (a server still asks for a certificate).
PeerTls MakePeerTls(bool server, const keys::CertifiedKey* identity,
                    absl::string_view authority_pem, int max_version = TLS1_3_VERSION);

struct PeerOptions {
  bool server = false;
  // nullptr: plain.
  PeerTls tls;
  // ALPN of a client; empty: none.
  std::string alpn = "h2";
  // SETTINGS_INITIAL_WINDOW_SIZE; the connection's window never matters.
  uint32_t window = 1 << 20;
  // False: what was received is given back by Consume only.
  bool consume = true;
  // False: bytes are compared with the pattern of SendPattern, and counted.
  bool keep_bodies = true;
  uint32_t max_streams = 100;
};

// One stream, as this side sees it.
struct PeerStream {
  Headers head;  // of the request, or of the answer
  Headers trailers;
  std::string body;
  size_t received = 0;
  bool pattern_holds = true;
  bool has_head = false;
  bool ended = false;                  // END_STREAM has come
  std::optional<uint32_t> error_code;  // once closed

  bool closed() const { return error_code.has_value(); }
  std::string Field(absl::string_view name) const;
  // How a gRPC call ended, from the trailers or a head without a body, with all details.
  absl::Status Outcome() const;

  // What still goes out.
  std::string out;
  size_t pattern_left = 0, sent = 0;
  bool out_ended = false;
  Headers out_trailers;
};

class H2Peer {
 public:
  // Takes a connected or connecting non-blocking socket.
  H2Peer(int fd, PeerOptions options);
  ~H2Peer();
  H2Peer(const H2Peer&) = delete;
  H2Peer& operator=(const H2Peer&) = delete;

  // Opens a stream. With `end` the request ends with `body`.
  int32_t Request(const Headers& head, absl::string_view body, bool end);
  void Respond(int32_t id, const Headers& head, bool end = false);
  void Send(int32_t id, absl::string_view data);
  // Bytes that are a function of their place, made as they go.
  void SendPattern(int32_t id, size_t bytes);
  void End(int32_t id, Headers trailers = {});
  // A HEADERS frame on a stream that has had one, as it is, at once.
  void SubmitHeaders(int32_t id, const Headers& fields, bool end);
  void Reset(int32_t id, uint32_t error_code);
  void Goaway(int32_t last_id);
  void Consume(int32_t id, size_t bytes);
  // Bytes as they are, behind what was gathered so far.
  void Raw(absl::string_view bytes) { output_.append(bytes.data(), bytes.size()); }
  // Ends the connection with a reset, as a machine that dies does.
  void Abort();
  // Nothing is read while it is paused.
  void PauseReading(bool paused);

  // Streams that the other side opened, in order.
  const std::vector<int32_t>& incoming() const { return incoming_; }
  PeerStream& stream(int32_t id) { return streams_[id]; }
  // What the other side lets us send on a stream now.
  int32_t SendWindow(int32_t id) const;

  bool handshaken() const { return session_ != nullptr; }
  // The connection is over; by a TLS alert when there is one.
  bool over() const { return over_; }
  int alert() const { return alert_; }
  // Last stream ids of the GOAWAY frames that came.
  const std::vector<int32_t>& goaways() const { return goaways_; }
  SSL* ssl() { return ssl_; }
  bool settled() const { return settled_; }

  int fd() const { return fd_; }
  short events() const;
  // Reads and writes what is possible now.
  void Turn();

 private:
  static nghttp2_session_callbacks* Callbacks();
  static ssize_t ReadOut(nghttp2_session* session, int32_t id, uint8_t* buffer, size_t size,
                         uint32_t* flags, nghttp2_data_source* source, void* user);
  bool Handshake();
  void StartSession();
  void Receive();
  void Gather();
  void Transmit();
  int OnFrame(const nghttp2_frame* frame);
  int OnData(int32_t id, absl::string_view data);
  // Sorts out a failed OpenSSL call; true when it only has to be repeated.
  bool MustWait(int result);
  void Stop();

  const PeerOptions options_;
  int fd_;
  SSL* ssl_ = nullptr;
  nghttp2_session* session_ = nullptr;
  std::string output_;
  std::map<int32_t, PeerStream> streams_;
  std::vector<int32_t> incoming_, goaways_;
  Headers block_;
  bool over_ = false, reading_ = true, wants_write_ = true, settled_ = false;
  int alert_ = -1;
};

// A listening socket whose connections become peers.
struct PeerListener {
  int fd = -1;
  bool listening = false;
  int port = 0;
  PeerOptions options;
  std::vector<std::unique_ptr<H2Peer>> peers;
};

// All peers of a test.
class PeerLoop {
 public:
  PeerLoop();
  ~PeerLoop();

  // On a free port of 127.0.0.1; `listening` false: reserved, but refuses.
  PeerListener& Listen(PeerOptions options, bool listening = true);
  H2Peer& Connect(int port, PeerOptions options);
  void BeginListening(PeerListener& listener);
  void StopListening(PeerListener& listener);
  // Ends everything.
  void CloseAll();

  // Moves all peers on until `done`; fails the test when that is not so within 30 s.
  void RunUntil(const std::function<bool()>& done);

 private:
  void Turn();
  void Accept(PeerListener& listener);

  std::deque<PeerListener> listeners_;
  std::vector<std::unique_ptr<H2Peer>> clients_;
};

}  // namespace lgsp::gateway
