#include "tools/bench/exchange_upstream/echo.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "libs/status/status.h"
#include "tools/bench/exchange_load/wire.h"

namespace lgsp::bench {
namespace {

constexpr int kBacklog = 1024;

struct Call {
  std::string body = {};
  size_t sent = 0;
};

// Bodies are used again: their memory is there already.
class Calls {
 public:
  Call* Take() {
    if (free_.empty()) free_.push_back(std::make_unique<Call>());
    Call* call = free_.back().release();
    free_.pop_back();
    call->body.clear();
    call->sent = 0;
    return call;
  }
  void GiveBack(Call* call) { free_.emplace_back(call); }

 private:
  std::vector<std::unique_ptr<Call>> free_;
};

template <size_t name_size, size_t value_size>
nghttp2_nv Field(const char (&name)[name_size], const char (&value)[value_size]) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(name)),
          reinterpret_cast<uint8_t*>(const_cast<char*>(value)), name_size - 1, value_size - 1,
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

Call* CallOf(nghttp2_session* session, int32_t stream_id) {
  return static_cast<Call*>(nghttp2_session_get_stream_user_data(session, stream_id));
}

ssize_t OnWantData(nghttp2_session* session, int32_t stream_id, uint8_t* buffer, size_t size,
                   uint32_t* flags, nghttp2_data_source* source, void*) {
  static const nghttp2_nv kTrailers[] = {Field("grpc-status", "0")};
  auto* call = static_cast<Call*>(source->ptr);
  const size_t rest = call->body.size() - call->sent;
  size = std::min(size, rest);
  std::memcpy(buffer, call->body.data() + call->sent, size);
  call->sent += size;
  if (size == rest) {
    *flags = NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    nghttp2_submit_trailer(session, stream_id, kTrailers, std::size(kTrailers));
  }
  return static_cast<ssize_t>(size);
}

int OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void* calls) {
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  nghttp2_session_set_stream_user_data(session, frame->hd.stream_id,
                                       static_cast<Calls*>(calls)->Take());
  return 0;
}

int OnData(nghttp2_session* session, uint8_t, int32_t stream_id, const uint8_t* data, size_t size,
           void*) {
  Call* call = CallOf(session, stream_id);
  if (call != nullptr) call->body.append(reinterpret_cast<const char*>(data), size);
  return 0;
}

int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void*) {
  static const nghttp2_nv kHead[] = {Field(":status", "200"),
                                     Field("content-type", "application/grpc")};
  if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) return 0;
  if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  Call* call = CallOf(session, frame->hd.stream_id);
  if (call == nullptr) return 0;
  const nghttp2_data_provider body = {.source = {.ptr = call}, .read_callback = OnWantData};
  return nghttp2_submit_response(session, frame->hd.stream_id, kHead, std::size(kHead), &body);
}

int OnClose(nghttp2_session* session, int32_t stream_id, uint32_t, void* calls) {
  Call* call = CallOf(session, stream_id);
  if (call != nullptr) static_cast<Calls*>(calls)->GiveBack(call);
  return 0;
}

nghttp2_session_callbacks* Callbacks() {
  static nghttp2_session_callbacks* callbacks = [] {
    nghttp2_session_callbacks* made = nullptr;
    nghttp2_session_callbacks_new(&made);
    nghttp2_session_callbacks_set_on_begin_headers_callback(made, OnBeginHeaders);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, OnData);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, OnFrame);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, OnClose);
    return made;
  }();
  return callbacks;
}

class Server {
 public:
  ~Server() {
    if (listener_ >= 0) close(listener_);
    if (poll_ >= 0) close(poll_);
  }

  absl::Status Serve(uint16_t port, const std::optional<TlsFiles>& tls) {
    if (tls.has_value()) {
      ASSIGN_OR_RETURN(tls_, MakeTls(*tls, true));
    }
    RETURN_IF_ERROR(Listen(port));
    for (;;) {
      epoll_event events[64];
      const int ready = epoll_wait(poll_, events, std::size(events), -1);
      for (int i = 0; i < ready; ++i) {
        auto* wire = static_cast<Wire*>(events[i].data.ptr);
        if (wire == nullptr) {
          Accept();
        } else if (!Handle(wire, events[i].events)) {
          // Calls of a connection that ends are not given back: proxies end few.
          delete wire;
        }
      }
    }
  }

 private:
  absl::Status Listen(uint16_t port) {
    poll_ = epoll_create1(EPOLL_CLOEXEC);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener_ < 0) return SocketFailed("socket");
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
        listen(listener_, kBacklog) != 0) {
      return SocketFailed("listen");
    }
    epoll_event event = {.events = EPOLLIN, .data = {.ptr = nullptr}};
    epoll_ctl(poll_, EPOLL_CTL_ADD, listener_, &event);
    return absl::OkStatus();
  }

  void Accept() {
    const int descriptor = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor < 0) return;
    const int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    nghttp2_session* session = nullptr;
    nghttp2_session_server_new2(&session, Callbacks(), &calls_, SessionOptions());
    SubmitSettings(session, true);
    // Ends with its connection.
    auto* wire = new Wire;
    wire->Start(descriptor, session,
                tls_ == nullptr ? nullptr : std::make_unique<TlsPeer>(tls_, true));
    epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.ptr = wire}};
    epoll_ctl(poll_, EPOLL_CTL_ADD, descriptor, &event);
  }

  static bool Handle(Wire* wire, uint32_t events) {
    if ((events & ~EPOLLOUT) != 0 && !wire->Receive().ok()) return false;
    return wire->Flush().ok();
  }

  TlsContext tls_;
  Calls calls_;
  int poll_ = -1;
  int listener_ = -1;
};

}  // namespace

absl::Status ServeEcho(uint16_t port, const std::optional<TlsFiles>& tls) {
  return Server().Serve(port, tls);
}

}  // namespace lgsp::bench
