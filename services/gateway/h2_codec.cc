#include "services/gateway/h2_codec.h"

#include <algorithm>

#include "services/gateway/limits.h"

namespace lgsp::gateway {
namespace {

// Fields whose value is another one with every call: they would only push others out of the peer's
// table.
bool IsFresh(absl::string_view name, bool caller_repeats) {
  return (name == "lgsp-caller" && !caller_repeats) || name == "grpc-timeout" ||
         name == "traceparent" || name == "lgsp-exchange-id" || name == "lgsp-receipt";
}

StreamEvents* Self(void* user_data) { return static_cast<StreamEvents*>(user_data); }
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

nghttp2_data_provider BodyProvider() {
  nghttp2_data_provider provider;
  provider.source.ptr = nullptr;
  provider.read_callback = [](nghttp2_session*, int32_t stream_id, uint8_t* buffer, size_t size,
                              uint32_t* flags, nghttp2_data_source*, void* user) {
    return Self(user)->ReadBody(stream_id, buffer, size, flags);
  };
  return provider;
}

}  // namespace

absl::InlinedVector<nghttp2_nv, 24> ToNv(const Headers& fields, bool caller_repeats) {
  absl::InlinedVector<nghttp2_nv, 24> out;
  for (const Header field : fields) {
    const bool fresh = IsFresh(field.name, caller_repeats);
    out.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(field.name.data())),
                   reinterpret_cast<uint8_t*>(const_cast<char*>(field.value.data())),
                   field.name.size(), field.value.size(),
                   static_cast<uint8_t>(fresh ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE)});
  }
  return out;
}

H2Codec::H2Codec(Role role, StreamEvents* events) {
  if (role == Role::kServer) {
    nghttp2_session_server_new2(&session_, Callbacks(), events, Options());
  } else {
    nghttp2_session_client_new2(&session_, Callbacks(), events, Options());
  }
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMaxHeaderBytes},
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
  // A server has nothing to say about push.
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, role == Role::kServer ? 3 : 4);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

H2Codec::~H2Codec() { nghttp2_session_del(session_); }

bool H2Codec::Receive(absl::string_view bytes) {
  const ssize_t used = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (used >= 0) return true;
  nghttp2_session_terminate_session(
      session_, used == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
  return false;
}

bool H2Codec::Produce(std::string& out, size_t max) {
  while (out.size() < max) {
    const uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size <= 0) return size == 0;
    out.append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
  }
  return true;
}

bool H2Codec::finished() const {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

bool H2Codec::hoards() const {
  return nghttp2_session_get_outbound_queue_size(session_) > kMaxOutboundFrames;
}

int32_t H2Codec::SubmitRequest(const Headers& head, bool end_stream, bool caller_repeats) {
  const auto fields = ToNv(head, caller_repeats);
  const nghttp2_data_provider body = BodyProvider();
  return nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                end_stream ? nullptr : &body, nullptr);
}

void H2Codec::SubmitResponse(int32_t stream_id, const Headers& head, bool end_stream) {
  const auto fields = ToNv(head);
  const nghttp2_data_provider body = BodyProvider();
  nghttp2_submit_response(session_, stream_id, fields.data(), fields.size(),
                          end_stream ? nullptr : &body);
}

void H2Codec::SubmitTrailers(int32_t stream_id, const Headers& trailers) {
  const auto fields = ToNv(trailers);
  nghttp2_submit_trailer(session_, stream_id, fields.data(), fields.size());
}

void H2Codec::AnnounceEnd() { nghttp2_submit_shutdown_notice(session_); }

void H2Codec::EndStreams() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
}

void H2Codec::Consume(int32_t stream_id, size_t bytes) {
  nghttp2_session_consume_stream(session_, stream_id, bytes);
}

void H2Codec::Resume(int32_t stream_id) { nghttp2_session_resume_data(session_, stream_id); }

void H2Codec::Reset(int32_t stream_id, uint32_t error_code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream_id, error_code);
}

bool H2Codec::WindowIsShut(int32_t stream_id) const {
  return nghttp2_session_get_remote_window_size(session_) <= 0 ||
         nghttp2_session_get_stream_remote_window_size(session_, stream_id) <= 0;
}

size_t H2Codec::MaxStreams() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

nghttp2_session_callbacks* H2Codec::Callbacks() {
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
            Self(user)->OnPeerReady();
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
