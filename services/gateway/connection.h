// What both legs of a call have in common: one connection with its TLS, one write per turn of the
// loop, and the codec that makes streams of its bytes. What they are for is said by Downstream and
// Upstream.
#pragma once

#include <array>
#include <boost/asio.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "services/gateway/codec.h"
#include "services/gateway/limits.h"
#include "services/gateway/tls.h"
#include "services/gateway/tls_filter.h"

namespace lgsp::gateway {

class Worker;
using TcpSocket = boost::asio::ip::tcp::socket;
using SteadyTime = std::chrono::steady_clock::time_point;

// Lives while something of it is under way: its handlers and its worker share it. All on the
// worker's thread.
class Connection : public std::enable_shared_from_this<Connection>, protected StreamEvents {
 public:
  using Role = TlsFilter::Role;
  // Without `tls` the socket is plain.
  Connection(Worker* worker, TcpSocket socket, const TlsContext& tls, Role role);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Writes what waits, at the end of this turn of the loop.
  void FlushSoon();
  // Called by the worker at that end.
  void Flush();
  // Ends the connection at once; OnClosed follows, once.
  void Close();
  // When all that waits has been written: ends it as CloseGently does.
  void CloseWhenWritten();

  // Looks at what has taken too long; every second.
  virtual void Sweep(SteadyTime now);

  // As the codec does.
  void Consume(int32_t stream_id, size_t bytes);
  void Resume(int32_t stream_id);
  void Reset(int32_t stream_id, uint32_t error_code);
  bool WindowIsShut(int32_t stream_id) const;

 protected:
  // When connected: TLS handshake (when there is TLS), then MakeCodec and OnReady, or Close.
  void Begin();

  // By what was agreed on in the handshake or, without TLS, by the first bytes that came. nullptr:
  // they are too few; with TLS: it is not to go on.
  virtual std::unique_ptr<Codec> MakeCodec(absl::string_view first_bytes) = 0;
  virtual void OnReady() = 0;
  virtual void OnHandshakeFailed(unsigned long /*error*/) {}
  virtual void OnClosed() = 0;

  StreamEvents* events() { return this; }
  // nullptr without TLS.
  SSL* ssl() { return tls_.has_value() ? tls_->ssl() : nullptr; }
  TcpSocket& tcp() { return socket_; }
  bool open() const { return !closed_; }
  // Options of a connected socket: no delay, and an end to peers that are gone.
  void SetSocketOptions();
  // Ends the connection, but lets the peer read what was written: a socket that is closed with
  // bytes unread resets the connection, and the peer may lose our last ones (an alert, a GOAWAY).
  void CloseGently();

  Worker* const worker_;
  // nullptr until OnReady.
  std::unique_ptr<Codec> codec_;
  SteadyTime handshake_deadline_;
  bool ready_ = false;

 private:
  // True when there is a codec.
  bool FindCodec();
  void Read();
  void OnRead(const boost::system::error_code& error, size_t bytes);
  // False: nothing more is to be read.
  bool OnTls(absl::string_view bytes);
  bool OnBytes(absl::string_view bytes);
  bool Receive(absl::string_view bytes);
  // True when the handshake has ended well.
  bool OnHandshake();
  void OnEnd();
  void OnWritten(const boost::system::error_code& error);
  void Write();
  void End();
  void Linger(std::shared_ptr<boost::asio::steady_timer> timer, size_t read);

  TcpSocket socket_;
  const Role role_;
  std::optional<TlsFilter> tls_;
  std::array<char, kReadBufferBytes> read_buffer_;
  std::string first_bytes_;
  std::string write_buffer_, writing_;
  SteadyTime write_begun_;
  bool reading_ = false, write_pending_ = false, dirty_ = false, closed_ = false,
       in_callback_ = false, close_wanted_ = false, last_flush_ = false;
};

}  // namespace lgsp::gateway
