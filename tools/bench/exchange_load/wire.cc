#include "tools/bench/exchange_load/wire.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "libs/status/status.h"

namespace lgsp::bench {
namespace {

constexpr uint32_t kStreamWindow = 256 << 10;
constexpr int32_t kConnectionWindow = 4 << 20;
constexpr uint32_t kStreams = 1000;
// In one write: what the other side's windows permit is less or not much more.
constexpr size_t kWriteBytes = 256 << 10;
constexpr size_t kReadBytes = 256 << 10;

absl::Status ConnectionFailed(absl::string_view why) {
  return MakeError(absl::StatusCode::kUnavailable, "BENCH_CONNECTION_FAILED", why);
}

absl::Status SessionFailed(ssize_t code) {
  return ConnectionFailed(absl::StrCat("HTTP/2: ", nghttp2_strerror(static_cast<int>(code))));
}

// One thread, one buffer.
char* ReadBuffer() {
  static std::string buffer(kReadBytes, '\0');
  return buffer.data();
}

}  // namespace

absl::Status SocketFailed(absl::string_view what) {
  return ConnectionFailed(absl::StrCat(what, ": ", std::strerror(errno)));
}

nghttp2_option* SessionOptions() {
  static nghttp2_option* options = [] {
    nghttp2_option* made = nullptr;
    nghttp2_option_new(&made);
    nghttp2_option_set_no_closed_streams(made, 1);
    return made;
  }();
  return options;
}

void SubmitSettings(nghttp2_session* session, bool server) {
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
                                             {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kStreams},
                                             {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
  // A server has nothing to say about push.
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, server ? 2 : 3);
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

Wire::~Wire() {
  nghttp2_session_del(session_);
  if (descriptor_ >= 0) close(descriptor_);
}

void Wire::Start(int descriptor, nghttp2_session* session, std::unique_ptr<TlsPeer> tls) {
  descriptor_ = descriptor;
  session_ = session;
  tls_ = std::move(tls);
  ready_ = tls_ == nullptr;
}

absl::Status Wire::Feed(absl::string_view bytes) {
  const ssize_t used = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  return used < 0 ? SessionFailed(used) : absl::OkStatus();
}

absl::Status Wire::FeedEncrypted(absl::string_view bytes) {
  tls_->Received(bytes);
  if (!ready_) {
    ASSIGN_OR_RETURN(ready_, tls_->Handshake());
    if (!ready_) return absl::OkStatus();
  }
  for (;;) {
    // What was received is in the other buffer by now.
    ASSIGN_OR_RETURN(const size_t got, tls_->Read(ReadBuffer(), kReadBytes));
    if (got == 0) return absl::OkStatus();
    RETURN_IF_ERROR(Feed({ReadBuffer(), got}));
  }
}

absl::Status Wire::Receive() {
  for (;;) {
    const ssize_t got = recv(descriptor_, ReadBuffer(), kReadBytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return absl::OkStatus();
    if (got < 0) return SocketFailed("read");
    if (got == 0) return ConnectionFailed("closed by the other side");
    const absl::string_view bytes(ReadBuffer(), static_cast<size_t>(got));
    RETURN_IF_ERROR(tls_ != nullptr ? FeedEncrypted(bytes) : Feed(bytes));
    if (nghttp2_session_want_read(session_) == 0) {
      return ConnectionFailed("ended by the other side");
    }
    // Less than asked for was all there is.
    if (static_cast<size_t>(got) < kReadBytes) return absl::OkStatus();
  }
}

absl::Status Wire::Gather() {
  std::string& clear = tls_ != nullptr ? clear_ : out_;
  clear.clear();
  while (ready_ && clear.size() < kWriteBytes) {
    const uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size < 0) return SessionFailed(size);
    if (size == 0) break;
    clear.append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
  }
  if (tls_ == nullptr) return absl::OkStatus();
  // A client speaks first.
  if (!ready_) RETURN_IF_ERROR(tls_->Handshake().status());
  if (!clear.empty()) RETURN_IF_ERROR(tls_->Write(clear));
  out_.clear();
  tls_->TakeOutput(&out_);
  return absl::OkStatus();
}

absl::Status Wire::Flush() {
  for (;;) {
    if (written_ == out_.size()) {
      written_ = 0;
      RETURN_IF_ERROR(Gather());
      if (out_.empty()) return absl::OkStatus();
    }
    const ssize_t wrote =
        send(descriptor_, out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL);
    if (wrote < 0 && (errno == EAGAIN || errno == EINTR)) return absl::OkStatus();
    if (wrote < 0) return SocketFailed("write");
    written_ += static_cast<size_t>(wrote);
  }
}

}  // namespace lgsp::bench
