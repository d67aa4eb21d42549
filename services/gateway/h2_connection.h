// One HTTP/2 connection: transport, nghttp2 session, one write per turn of the loop. What the
// frames mean is said by Downstream and Upstream.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/gateway/grpc_wire.h"
#include "services/gateway/limits.h"
#include "services/gateway/tls.h"

namespace lgsp::gateway {

class Worker;
using TcpSocket = boost::asio::ip::tcp::socket;
using TlsSocket = boost::asio::ssl::stream<TcpSocket>;
using SteadyTime = std::chrono::steady_clock::time_point;

// Lives while something of it is under way: its handlers and its worker share it. All on the
// worker's thread.
class H2Connection : public std::enable_shared_from_this<H2Connection> {
 public:
  // Without `tls` the socket is plain.
  H2Connection(Worker* worker, TcpSocket socket, const TlsContext& tls);
  virtual ~H2Connection();
  H2Connection(const H2Connection&) = delete;
  H2Connection& operator=(const H2Connection&) = delete;

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

  // The peer's body bytes were passed on: it may send as many more.
  void Consume(int32_t stream_id, size_t bytes);
  // A body that had nothing to send has something again.
  void Resume(int32_t stream_id);
  void Reset(int32_t stream_id, uint32_t error_code);

 protected:
  enum class Role { kServer, kClient };

  // TLS handshake (when there is TLS), then OnReady or Close.
  void Handshake(Role role);
  // Makes the session, sends our settings, begins to read.
  void StartSession(Role role);

  virtual void OnReady() = 0;
  virtual void OnHandshakeFailed(const boost::system::error_code&) {}
  virtual void OnBeginHeaders(int32_t stream_id, bool request) = 0;
  // False: the block is too large; the stream is reset.
  virtual bool OnHeader(int32_t stream_id, absl::string_view name, absl::string_view value) = 0;
  virtual void OnHeadersDone(int32_t stream_id, bool end_stream) = 0;
  virtual void OnData(int32_t stream_id, absl::string_view data) = 0;
  virtual void OnEndOfData(int32_t stream_id) = 0;
  virtual void OnStreamClosed(int32_t stream_id, uint32_t error_code) = 0;
  virtual void OnHeadersSent(int32_t) {}
  virtual void OnEndSent(int32_t) {}
  virtual void OnHeadersNotSent(int32_t) {}
  virtual void OnSettings() {}
  virtual void OnGoaway(int32_t /*last_stream_id*/) {}
  // Fills `buffer` with body bytes of a stream: how many, or NGHTTP2_ERR_DEFERRED when there are
  // none yet. Sets `flags` as nghttp2's data source does.
  virtual ssize_t ReadBody(int32_t stream_id, uint8_t* buffer, size_t size, uint32_t* flags) = 0;
  virtual void OnClosed() = 0;

  // What nghttp2 asks for the body of a stream (ReadBody).
  static nghttp2_data_provider BodyProvider();

  SSL* ssl();
  TcpSocket& tcp();
  bool open() const { return !closed_; }
  // Options of a connected socket: no delay, and an end to peers that are gone.
  void SetSocketOptions();
  // Ends the connection, but lets the peer read what was written: a socket that is closed with
  // bytes unread resets the connection, and the peer may lose our last ones (an alert, a GOAWAY).
  void CloseGently();
  // True when no body byte may be sent on a stream now.
  bool WindowIsShut(int32_t stream_id) const;

  Worker* const worker_;
  nghttp2_session* session_ = nullptr;
  SteadyTime handshake_deadline_;
  bool ready_ = false;

 private:
  static nghttp2_session_callbacks* Callbacks();
  void Read();
  void OnRead(const boost::system::error_code& error, size_t bytes);
  void OnWritten(const boost::system::error_code& error);
  void Write();
  void End();
  void Linger(std::shared_ptr<boost::asio::steady_timer> timer);

  std::variant<TcpSocket, TlsSocket> socket_;
  std::array<char, kReadBufferBytes> read_buffer_;
  std::string write_buffer_, writing_;
  SteadyTime write_begun_;
  bool write_pending_ = false, dirty_ = false, closed_ = false, in_callback_ = false,
       close_wanted_ = false, last_flush_ = false;
};

// Header fields for nghttp2, valid as long as `fields`. Without `repeats` the peer's table is not
// filled with `lgsp-caller`: another one follows.
absl::InlinedVector<nghttp2_nv, 24> ToNv(const Headers& fields, bool repeats = true);

}  // namespace lgsp::gateway
