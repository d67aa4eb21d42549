// One HTTP/2 connection with calls on it, each in a place of its own that is used again.
#pragma once

#include <nghttp2/nghttp2.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tools/bench/exchange_load/requests.h"
#include "tools/bench/exchange_load/tally.h"
#include "tools/bench/exchange_load/tls.h"
#include "tools/bench/exchange_load/wire.h"

namespace lgsp::bench {

// Nanoseconds of a clock that is never set.
int64_t Now();

class Connection {
 public:
  // All must outlive it.
  Connection(const Load& load, Requests* requests, Tally* tally);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Connects; `tls` may be null. UNAVAILABLE BENCH_CONNECTION_FAILED, as all here.
  absl::Status Open(const TlsContext& tls);
  int descriptor() const { return wire_.descriptor(); }

  bool HasRoom() const { return !free_.empty(); }
  size_t UnderWay() const { return calls_.size() - free_.size(); }
  // A call that should leave at `due`; only with room. It leaves with the next Flush.
  absl::Status Send(int64_t due);
  absl::Status Receive() { return wire_.Receive(); }
  absl::Status Flush() { return wire_.Flush(); }

 private:
  struct Call {
    int64_t due;
    size_t sent;
    size_t received;
    // -1 until it is known.
    int http_status;
    int grpc_status;
  };

  static nghttp2_session_callbacks* Callbacks();
  static ssize_t OnWantData(nghttp2_session*, int32_t, uint8_t* buffer, size_t size,
                            uint32_t* flags, nghttp2_data_source* source, void* self);
  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                      void* self);
  static int OnData(nghttp2_session* session, uint8_t, int32_t stream_id, const uint8_t*,
                    size_t size, void*);
  static int OnClose(nghttp2_session* session, int32_t stream_id, uint32_t error_code, void* self);

  void End(Call* call, uint32_t error_code);

  const Load& load_;
  Requests* const requests_;
  Tally* const tally_;
  std::vector<Call> calls_;
  std::vector<Call*> free_;
  // Of the last answer that had one.
  std::string grpc_message_;
  // Ends first: its session knows the calls.
  Wire wire_;
};

}  // namespace lgsp::bench
