// What the exchange reads from strangers: HTTP/1.1, paths, access tokens.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "libs/auth/access_token.h"
#include "libs/keys/jws.h"
#include "libs/status/status.h"
#include "services/gateway/grpc_wire.h"
#include "services/gateway/h1_codec.h"
#include "services/gateway/limits.h"
#include "services/gateway/path_rule.h"
#include "services/gateway/rest.h"
#include "tests/fuzz/targets.h"

namespace lgsp::fuzz {
namespace {

using gateway::H1Codec;

// Writes down what a codec tells, and answers what is complete.
class Listener final : public gateway::StreamEvents {
 public:
  void OnBeginHeaders(int32_t id, bool) override {
    Promise(open == 0, "one call at a time");
    open = id;
    absl::StrAppend(&told, "<", id, ">");
  }
  bool OnHeader(int32_t id, absl::string_view name, absl::string_view value) override {
    Promise(id == open, "fields of the open call");
    const auto no_line = [](absl::string_view text) {
      return text.find_first_of(absl::string_view("\r\n\0", 3)) == absl::string_view::npos;
    };
    Promise(no_line(name) && no_line(value), "a field cannot end its line");
    absl::StrAppend(&told, name, "=", value, ";");
    return true;
  }
  void OnHeadersDone(int32_t id, bool end) override {
    told += end ? "." : ":";
    if (end) Answer(id);
  }
  void OnData(int32_t id, absl::string_view data) override {
    Promise(id == open, "data of the open call");
    absl::StrAppend(&told, data);
    codec->Consume(id, data.size());
  }
  void OnEndOfData(int32_t id) override {
    told += ".";
    Answer(id);
  }
  void OnStreamClosed(int32_t id, uint32_t) override {
    Promise(id == open, "only what is open is closed");
    open = 0;
    told += "|";
  }
  ssize_t ReadBody(int32_t, uint8_t*, size_t, uint32_t* flags) override {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    return 0;
  }

  std::string told;
  int32_t open = 0;
  int answered = 0;
  H1Codec* codec = nullptr;

 private:
  void Answer(int32_t id) {
    ++answered;
    codec->SubmitResponse(id, {{":status", "204"}}, true);
  }
};

struct Outcome {
  std::string told, out;
  bool whole = true, finished = false;
  int answered = 0;
};

// What was told of calls that have ended: of one under way it may be more or less.
absl::string_view Closed(absl::string_view told) { return told.substr(0, told.rfind('|') + 1); }

Outcome Run(H1Codec::Role role, absl::string_view input, size_t piece) {
  Listener listener;
  H1Codec codec(role, &listener);
  listener.codec = &codec;
  Outcome outcome;
  if (role == H1Codec::Role::kClient) {
    listener.open =
        codec.SubmitRequest({{":method", "GET"}, {":path", "/"}, {":authority", "a"}}, true, false);
    outcome.whole = codec.Produce(outcome.out, gateway::kWriteBufferBytes);
  }
  while (!input.empty() && !codec.finished() && outcome.whole) {
    codec.Receive(input.substr(0, piece));
    input.remove_prefix(std::min(piece, input.size()));
    outcome.whole = codec.Produce(outcome.out, gateway::kWriteBufferBytes);
  }
  codec.ReceiveEnd();
  outcome.told = std::move(listener.told);
  outcome.finished = codec.finished();
  outcome.answered = listener.answered;
  return outcome;
}

}  // namespace

bool Http1Request(absl::string_view input) {
  const Outcome whole = Run(H1Codec::Role::kServer, input, input.size() + 1);
  for (const size_t piece : {1, 3, 64}) {
    const Outcome pieces = Run(H1Codec::Role::kServer, input, piece);
    // That a request is none may be seen earlier when more of it is there.
    Promise(whole.finished || !pieces.finished, "what is whole is not better than its pieces");
    Promise(whole.finished != pieces.finished ||
                (pieces.out == whole.out && pieces.whole == whole.whole),
            "requests are answered the same however they are cut");
    Promise(whole.finished || Closed(pieces.told) == Closed(whole.told), "and understood the same");
  }
  return whole.answered > 0 && whole.whole && !whole.finished;
}

bool Http1Answer(absl::string_view input) {
  const Outcome whole = Run(H1Codec::Role::kClient, input, input.size() + 1);
  for (const size_t piece : {1, 3, 64}) {
    const Outcome pieces = Run(H1Codec::Role::kClient, input, piece);
    Promise(pieces.whole || !whole.whole, "what is whole is not better than its pieces");
    Promise(!whole.whole || Closed(pieces.told) == Closed(whole.told), "and understood the same");
  }
  return whole.told.size() > 1 && whole.told.back() == '|' && whole.whole;
}

bool Path(absl::string_view input) {
  gateway::ParseGrpcPath(input).status().IgnoreError();
  gateway::ParseTimeout(input).status().IgnoreError();
  const auto pattern = gateway::ParseEndpointPattern(input);
  if (pattern.ok()) Promise(pattern->text == input, "a pattern says what it was read from");
  const auto target = gateway::ParseRestTarget(input);
  if (!target.ok()) {
    Promise(ErrorReason(target.status()) == "PATH_INVALID", "one reason for bad paths");
    return false;
  }
  Promise(target->rest[0] == '/', "what goes on is a path");
  Promise(
      input.substr(input.size() - std::min(input.size(), target->rest.size())) == target->rest ||
          target->rest == "/" || absl::StrCat("/", input.substr(input.find('?'))) == target->rest,
      "what is forwarded came so");
  for (const std::string& segment : target->segments) {
    Promise(!segment.empty() && segment != "." && segment != "..", "no segment moves in the tree");
    Promise(absl::string_view(segment).find_first_of(absl::string_view("/\\?#%\0", 6)) ==
                absl::string_view::npos,
            "no segment holds a delimiter");
  }
  return true;
}

bool AccessToken(absl::string_view input) {
  static const auto& key = *new keys::SigningKey(keys::SigningKey::Generate());
  static const auto& issuers = *new std::vector<auth::TokenIssuer>{
      {"issuer", "audience", {*keys::VerifyKey::FromPem(key.PublicPem())}}};
  const absl::Time now = absl::FromUnixSeconds(1'795'000'000);
  Promise(!auth::VerifyAccessToken(input, issuers, now).ok(), "no token without the key");
  const std::string token = key.SignJws(input, auth::kAccessTokenType);
  const auto claims = auth::VerifyAccessToken(token, issuers, now);
  if (!claims.ok()) {
    Promise(absl::IsUnauthenticated(claims.status()), "a bad token is no fault of ours");
    return false;
  }
  Promise(claims->iss() == "issuer" && claims->aud() == "audience", "issuer and audience");
  Promise(!claims->client_id().empty(), "a token has a system");
  std::string forged = token;
  forged[forged.size() / 2] ^= 1;
  Promise(!auth::VerifyAccessToken(forged, issuers, now).ok(), "a changed token is none");
  return true;
}

}  // namespace lgsp::fuzz
