#include "services/gateway/h1_codec.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/status.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/gateway/limits.h"

namespace lgsp::gateway {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;

// Of this connection only; `host` is what HTTP/2 has as :authority.
constexpr absl::string_view kHopByHop[] = {"connection",        "keep-alive", "proxy-connection",
                                           "transfer-encoding", "upgrade",    "te",
                                           "trailer",           "host",       "expect"};

bool IsHopByHop(absl::string_view name) {
  return std::find(std::begin(kHopByHop), std::end(kHopByHop), name) != std::end(kHopByHop);
}

absl::string_view ValueOf(const Headers& head, absl::string_view name) {
  for (const Header field : head) {
    if (field.name == name) return field.value;
  }
  return "";
}

template <typename View>
absl::string_view ToView(const View& text) {
  return {text.data(), text.size()};
}

}  // namespace

class H1Codec::Parser {
 public:
  virtual ~Parser() = default;
  virtual size_t Put(absl::string_view bytes, error_code& error) = 0;
  virtual void PutEnd(error_code& error) = 0;
  virtual bool done() const = 0;
};

template <bool kRequest>
class H1Codec::ParserOf final : public H1Codec::Parser, private http::basic_parser<kRequest> {
 public:
  ParserOf(H1Codec* codec, bool without_body) : codec_(codec) {
    this->eager(true);
    this->header_limit(kMaxHeaderBytes);
    this->body_limit(boost::none);
    if (without_body) this->skip(true);
  }
  size_t Put(absl::string_view bytes, error_code& error) override {
    return this->put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  }
  void PutEnd(error_code& error) override {
    // Beast takes it for a mistake of ours when nothing has come.
    if (this->got_some()) this->put_eof(error);
  }
  bool done() const override { return this->is_done(); }

 private:
  using View = boost::beast::string_view;
  static void Judge(bool taken, error_code& error) {
    if (!taken) error = http::error::bad_value;
  }
  void on_request_impl(http::verb, View method, View target, int version,
                       error_code& error) override {
    Judge(codec_->OnRequestLine(ToView(method), ToView(target), version), error);
  }
  void on_response_impl(int code, View, int, error_code& error) override {
    Judge(codec_->OnStatusLine(code), error);
  }
  void on_field_impl(http::field, View name, View value, error_code& error) override {
    Judge(codec_->OnField(ToView(name), ToView(value)), error);
  }
  void on_header_impl(error_code& error) override {
    Judge(codec_->OnHead(this->is_done(), this->keep_alive()), error);
  }
  void on_body_init_impl(const boost::optional<uint64_t>&, error_code&) override {}
  size_t on_body_impl(View body, error_code&) override {
    codec_->OnBody(ToView(body));
    return body.size();
  }
  void on_chunk_header_impl(uint64_t, View, error_code&) override {}
  size_t on_chunk_body_impl(uint64_t, View body, error_code&) override {
    codec_->OnBody(ToView(body));
    return body.size();
  }
  void on_finish_impl(error_code&) override { codec_->OnEnd(); }

  H1Codec* const codec_;
};

H1Codec::H1Codec(Role role, StreamEvents* events) : role_(role), events_(events) {}
H1Codec::~H1Codec() = default;

bool H1Codec::OnRequestLine(absl::string_view method, absl::string_view target, int version) {
  if (version != 11) refusal_ = "505 HTTP Version Not Supported";
  if (version != 11) return false;
  head_request_ = method == "HEAD";
  events_->OnHeader(stream_id_, ":method", method);
  events_->OnHeader(stream_id_, ":path", target);
  return true;
}

bool H1Codec::OnStatusLine(int code) {
  status_ = code;
  // We ask for no other protocol.
  if (code < 100 || code == 101) return false;
  return code < 200 || events_->OnHeader(stream_id_, ":status", absl::StrCat(code));
}

bool H1Codec::OnField(absl::string_view name, absl::string_view value) {
  // Those behind a chunked body.
  if (!headless_) return true;
  const std::string lower = absl::AsciiStrToLower(name);
  if (lower == "transfer-encoding" && !absl::EqualsIgnoreCase(value, "chunked")) return false;
  if (lower == "expect") continue_wanted_ = absl::EqualsIgnoreCase(value, "100-continue");
  if (lower == "host") ++hosts_;
  if (IsHopByHop(lower) || (role_ == Role::kClient && status_ < 200)) return true;
  return events_->OnHeader(stream_id_, lower, value) || role_ == Role::kServer;
}

bool H1Codec::OnHead(bool ended, bool keep_alive) {
  if (role_ == Role::kServer && hosts_ != 1) return false;
  if (role_ == Role::kClient && status_ < 200) return true;
  headless_ = false;
  if (!keep_alive) keep_alive_ = false;
  received_ = ended;
  events_->OnHeadersDone(stream_id_, ended);
  if (continue_wanted_ && !ended && !head_submitted_) out_ += "HTTP/1.1 100 Continue\r\n\r\n";
  return true;
}

void H1Codec::OnBody(absl::string_view data) {
  unconsumed_ += data.size();
  events_->OnData(stream_id_, data);
}

void H1Codec::OnEnd() {
  if (headless_ || received_) return;
  received_ = true;
  events_->OnEndOfData(stream_id_);
}

bool H1Codec::Receive(absl::string_view bytes) {
  if (finished_ || broken_) return true;
  in_.append(bytes.data(), bytes.size());
  Parse();
  return true;
}

void H1Codec::Parse() {
  while (!in_.empty() && !finished_ && !broken_) {
    if (parser_ == nullptr && !BeginMessage()) return;
    error_code error;
    const size_t used = parser_->Put(in_, error);
    in_.erase(0, used);
    if (broken_ || finished_) return;
    if (error && error != http::error::need_more) {
      if (!refusal_.empty()) return Malformed(refusal_, "HTTP_MALFORMED", "HTTP/1.1 is needed");
      if (error == http::error::header_limit) {
        return Malformed("431 Request Header Fields Too Large", "HEADERS_TOO_LARGE",
                         "the header fields are larger than the gateway takes");
      }
      return Malformed("400 Bad Request", "HTTP_MALFORMED", "this is not HTTP/1.1");
    }
    if (parser_->done()) {
      EndMessage();
    } else if (error) {
      // A head has its own limit; what else is this long is no line of a chunk.
      if (in_.size() > kMaxHeaderBytes) {
        Malformed("400 Bad Request", "HTTP_MALFORMED", "the line of a chunk is too long");
      }
      return;
    }
  }
}

bool H1Codec::BeginMessage() {
  if (role_ == Role::kClient) {
    // Nobody has asked.
    broken_ = true;
    return false;
  }
  if (open_) return false;  // the next request waits for the answer of this one
  while (absl::StartsWith(in_, "\r\n")) in_.erase(0, 2);
  if (in_.empty() || in_ == "\r") return false;
  stream_id_ += 2;
  open_ = true;
  received_ = head_submitted_ = sending_ = sent_ = continue_wanted_ = false;
  headless_ = true;
  hosts_ = 0;
  unconsumed_ = 0;
  parser_ = std::make_unique<ParserOf<true>>(this, false);
  events_->OnBeginHeaders(stream_id_, true);
  return true;
}

void H1Codec::EndMessage() {
  parser_.reset();
  if (role_ == Role::kServer) return;
  if (status_ < 200) {
    parser_ = std::make_unique<ParserOf<false>>(this, head_request_);
    return;
  }
  // What is left of the request is of no use, and nothing else can follow it.
  if (!sent_) keep_alive_ = false;
  EndStream();
}

void H1Codec::Malformed(absl::string_view status, absl::string_view reason,
                        absl::string_view message) {
  if (role_ == Role::kClient || head_submitted_) {
    broken_ = true;
    return;
  }
  const std::string body = absl::StrCat("{\"code\":3,\"message\":\"", reason, ": ", message, "\"}");
  absl::StrAppend(&out_, "HTTP/1.1 ", status, "\r\ncontent-type: application/json\r\n",
                  "connection: close\r\ncontent-length: ", body.size(), "\r\n\r\n", body);
  keep_alive_ = false;
  EndStream();
}

void H1Codec::ReceiveEnd() {
  if (role_ == Role::kServer || parser_ == nullptr) return;
  error_code error;
  // An answer without a length ends with its connection.
  parser_->PutEnd(error);
  if (!error && parser_->done()) EndMessage();
}

void H1Codec::WriteFields(const Headers& head) {
  for (const Header field : head) {
    if (field.name.empty() || field.name[0] == ':' || IsHopByHop(field.name)) continue;
    absl::StrAppend(&out_, field.name, ": ", field.value, "\r\n");
  }
}

void H1Codec::BeginBody(const Headers& head, bool end_stream, bool may_have_body) {
  uint64_t length = 0;
  const bool has_length = absl::SimpleAtoi(ValueOf(head, "content-length"), &length);
  without_body_ = !may_have_body;
  left_ = has_length && may_have_body ? std::optional<uint64_t>(length) : std::nullopt;
  chunked_ = !has_length && !end_stream && may_have_body;
  if (chunked_) out_ += "transfer-encoding: chunked\r\n";
  out_ += "\r\n";
  head_submitted_ = sending_ = true;
  head_sent_ = sent_ = false;
  deferred_ = false;
  // An end that is known is sent with the head.
  if (end_stream && !left_.has_value()) left_ = 0;
}

int32_t H1Codec::SubmitRequest(const Headers& head, bool end_stream, bool) {
  if (MaxStreams() == 0) return -1;
  stream_id_ += 2;
  open_ = true;
  received_ = false;
  headless_ = true;
  unconsumed_ = 0;
  const absl::string_view method = ValueOf(head, ":method");
  head_request_ = method == "HEAD";
  parser_ = std::make_unique<ParserOf<false>>(this, head_request_);
  absl::StrAppend(&out_, method, " ", ValueOf(head, ":path"),
                  " HTTP/1.1\r\nhost: ", ValueOf(head, ":authority"), "\r\n");
  WriteFields(head);
  BeginBody(head, end_stream, true);
  ended_at_once_ = end_stream;
  return stream_id_;
}

void H1Codec::SubmitResponse(int32_t stream_id, const Headers& head, bool end_stream) {
  if (!IsCurrent(stream_id) || head_submitted_) return;
  int status = 0;
  if (!absl::SimpleAtoi(ValueOf(head, ":status"), &status)) status = 502;
  const std::string reason(ToView(http::obsolete_reason(static_cast<http::status>(status))));
  absl::StrAppend(&out_, "HTTP/1.1 ", status, " ", reason, "\r\n");
  WriteFields(head);
  const bool may_have_body = !head_request_ && status != 204 && status != 304;
  if (end_stream && may_have_body && ValueOf(head, "content-length").empty()) {
    out_ += "content-length: 0\r\n";
  }
  if (!keep_alive_) out_ += "connection: close\r\n";
  BeginBody(head, end_stream, may_have_body);
  ended_at_once_ = end_stream;
}

void H1Codec::WriteChunk(std::string& out, absl::string_view data) const {
  if (!chunked_) {
    out.append(data.data(), data.size());
  } else if (!data.empty()) {
    absl::StrAppend(&out, absl::Hex(data.size()), "\r\n", data, "\r\n");
  }
}

bool H1Codec::WriteBody(std::string& out) {
  uint32_t flags = ended_at_once_ ? NGHTTP2_DATA_FLAG_EOF : NGHTTP2_DATA_FLAG_NONE;
  if (!ended_at_once_) {
    char buffer[kBodyPieceBytes];
    const ssize_t size =
        events_->ReadBody(stream_id_, reinterpret_cast<uint8_t*>(buffer), sizeof(buffer), &flags);
    if (size == NGHTTP2_ERR_DEFERRED) {
      deferred_ = true;
      return true;
    }
    const auto bytes = static_cast<size_t>(size);
    if (size < 0 || (left_.has_value() && bytes > *left_)) return false;
    if (left_.has_value()) *left_ -= bytes;
    if (!without_body_) WriteChunk(out, {buffer, bytes});
  }
  // A request of which all is there that its head announced is whole: the service may answer, and
  // take another one.
  const bool whole = role_ == Role::kClient && left_.has_value() && *left_ == 0;
  if ((flags & NGHTTP2_DATA_FLAG_EOF) == 0 && !whole) return true;
  // A body that is shorter than its head has said cannot be told otherwise.
  if (left_.value_or(0) != 0) return false;
  if (chunked_) out += "0\r\n\r\n";
  sending_ = false;
  sent_ = true;
  return true;
}

bool H1Codec::Produce(std::string& out, size_t max) {
  while (!broken_ && out.size() < max) {
    out += out_;
    out_.clear();
    if (head_submitted_ && !head_sent_) {
      head_sent_ = true;
      events_->OnHeadersSent(stream_id_);
    }
    if (!open_ || !sending_ || deferred_) break;
    if (!WriteBody(out)) {
      broken_ = true;
    } else if (sent_ && role_ == Role::kServer) {
      events_->OnEndSent(stream_id_);
      if (!received_) keep_alive_ = false;
      EndStream();
      Parse();
    }
  }
  return !broken_;
}

void H1Codec::EndStream() {
  sending_ = head_submitted_ = false;
  // What its exchange still holds is bounded, and it will not say any more when that is gone.
  unconsumed_ = 0;
  if (!keep_alive_) finished_ = true;
  if (!open_) return;
  open_ = false;
  events_->OnStreamClosed(stream_id_, NGHTTP2_NO_ERROR);
}

void H1Codec::EndStreams() {
  keep_alive_ = false;
  if (!open_) finished_ = true;
}

bool H1Codec::wants_read() const {
  return !finished_ && !broken_ && unconsumed_ < static_cast<size_t>(kStreamWindow) &&
         in_.size() < kReadBufferBytes;
}

void H1Codec::Consume(int32_t stream_id, size_t bytes) {
  if (IsCurrent(stream_id)) unconsumed_ -= std::min(bytes, unconsumed_);
}

void H1Codec::Resume(int32_t stream_id) {
  if (IsCurrent(stream_id)) deferred_ = false;
}

void H1Codec::Reset(int32_t stream_id, uint32_t) {
  if (!IsCurrent(stream_id)) return;
  keep_alive_ = false;
  // A server's answer that is whole has said all.
  if (role_ == Role::kClient || !sent_) broken_ = true;
}

size_t H1Codec::MaxStreams() const { return open_ || finished_ || broken_ || !keep_alive_ ? 0 : 1; }

}  // namespace lgsp::gateway
