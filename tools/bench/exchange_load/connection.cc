#include "tools/bench/exchange_load/connection.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/status/status.h"

namespace lgsp::bench {
namespace {

absl::Status ConnectionFailed(absl::string_view why) {
  return MakeError(absl::StatusCode::kUnavailable, "BENCH_CONNECTION_FAILED", why);
}

}  // namespace

int64_t Now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

nghttp2_session_callbacks* Connection::Callbacks() {
  static nghttp2_session_callbacks* callbacks = [] {
    nghttp2_session_callbacks* made = nullptr;
    nghttp2_session_callbacks_new(&made);
    nghttp2_session_callbacks_set_on_header_callback(made, OnHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, OnData);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, OnClose);
    return made;
  }();
  return callbacks;
}

Connection::Connection(const Load& load, Requests* requests, Tally* tally)
    : load_(load), requests_(requests), tally_(tally), calls_(load.streams) {
  for (Call& call : calls_) free_.push_back(&call);
}

absl::Status Connection::Open(const TlsContext& tls) {
  addrinfo wanted = {};
  wanted.ai_flags = AI_NUMERICSERV;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(load_.host.c_str(), load_.port.c_str(), &wanted, &found);
  if (error != 0) return ConnectionFailed(absl::StrCat(load_.host, ": ", gai_strerror(error)));
  const int descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    freeaddrinfo(found);
    return SocketFailed("socket");
  }
  const int connected = connect(descriptor, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  nghttp2_session* session = nullptr;
  nghttp2_session_client_new2(&session, Callbacks(), this, SessionOptions());
  SubmitSettings(session, false);
  wire_.Start(descriptor, session,
              tls == nullptr ? nullptr : std::make_unique<TlsPeer>(tls, false));
  if (connected != 0) return SocketFailed(absl::StrCat(load_.host, ":", load_.port));
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 ? absl::OkStatus() : SocketFailed("fcntl");
}

absl::Status Connection::Send(int64_t due) {
  Call* call = free_.back();
  *call = {.due = due, .sent = 0, .received = 0, .http_status = -1, .grpc_status = -1};
  const std::vector<nghttp2_nv>& head = requests_->Next();
  const nghttp2_data_provider body = {.source = {.ptr = call}, .read_callback = OnWantData};
  const int32_t id =
      nghttp2_submit_request(wire_.session(), nullptr, head.data(), head.size(), &body, call);
  if (id < 0) return ConnectionFailed(nghttp2_strerror(id));
  free_.pop_back();
  return absl::OkStatus();
}

ssize_t Connection::OnWantData(nghttp2_session*, int32_t, uint8_t* buffer, size_t size,
                               uint32_t* flags, nghttp2_data_source* source, void* self) {
  auto* call = static_cast<Call*>(source->ptr);
  const absl::string_view rest =
      static_cast<Connection*>(self)->requests_->message().substr(call->sent);
  size = std::min(size, rest.size());
  std::memcpy(buffer, rest.data(), size);
  call->sent += size;
  if (size == rest.size()) *flags = NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(size);
}

int Connection::OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                         size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                         void* self) {
  auto* call =
      static_cast<Call*>(nghttp2_session_get_stream_user_data(session, frame->hd.stream_id));
  if (call == nullptr) return 0;
  const absl::string_view field(reinterpret_cast<const char*>(name), name_size);
  const absl::string_view text(reinterpret_cast<const char*>(value), value_size);
  if (field == "grpc-status") {
    // What is no number stays unknown.
    if (!absl::SimpleAtoi(text, &call->grpc_status)) call->grpc_status = -1;
  } else if (field == ":status") {
    if (!absl::SimpleAtoi(text, &call->http_status)) call->http_status = -1;
  } else if (field == "grpc-message") {
    static_cast<Connection*>(self)->grpc_message_.assign(text.data(), text.size());
  }
  return 0;
}

int Connection::OnData(nghttp2_session* session, uint8_t, int32_t stream_id, const uint8_t*,
                       size_t size, void*) {
  auto* call = static_cast<Call*>(nghttp2_session_get_stream_user_data(session, stream_id));
  if (call != nullptr) call->received += size;
  return 0;
}

int Connection::OnClose(nghttp2_session* session, int32_t stream_id, uint32_t error_code,
                        void* self) {
  auto* call = static_cast<Call*>(nghttp2_session_get_stream_user_data(session, stream_id));
  if (call != nullptr) static_cast<Connection*>(self)->End(call, error_code);
  return 0;
}

void Connection::End(Call* call, uint32_t error_code) {
  const size_t expected = requests_->message().size();
  if (error_code == NGHTTP2_NO_ERROR && call->http_status == 200 && call->grpc_status == 0 &&
      call->received == expected) {
    tally_->Answered(call->due, Now());
  } else {
    tally_->Failed(absl::StrCat("stream ended with ", nghttp2_http2_strerror(error_code),
                                ", :status ", call->http_status, ", grpc-status ",
                                call->grpc_status, ", ", call->received, " of ", expected,
                                " bytes, last grpc-message '", grpc_message_, "'"));
  }
  free_.push_back(call);
}

}  // namespace lgsp::bench
