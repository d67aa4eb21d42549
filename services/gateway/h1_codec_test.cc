// The codec of HTTP/1.1 on its own: bytes in, events out, and back.
#include "services/gateway/h1_codec.h"

#include <catch2/catch.hpp>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/gateway/limits.h"

namespace lgsp::gateway {
namespace {

// Writes down what it is told, and has one body to send.
class Listener : public StreamEvents {
 public:
  void OnBeginHeaders(int32_t id, bool) override { absl::StrAppend(&told, "<", id, "\n"); }
  bool OnHeader(int32_t, absl::string_view name, absl::string_view value) override {
    absl::StrAppend(&told, name, "=", value, "\n");
    return told.size() < 100'000;
  }
  void OnHeadersDone(int32_t id, bool end) override {
    absl::StrAppend(&told, end ? "end\n" : "head\n");
    if (on_head) on_head(id);
  }
  void OnData(int32_t id, absl::string_view data) override {
    body.append(data.data(), data.size());
    if (consumes) codec->Consume(id, data.size());
  }
  void OnEndOfData(int32_t) override { told += "data end\n"; }
  void OnStreamClosed(int32_t id, uint32_t) override { absl::StrAppend(&told, id, ">\n"); }
  ssize_t ReadBody(int32_t, uint8_t* buffer, size_t size, uint32_t* flags) override {
    if (!ready) return NGHTTP2_ERR_DEFERRED;
    const size_t taken = std::min(size, to_send.size());
    std::copy_n(to_send.begin(), taken, buffer);
    to_send.erase(0, taken);
    if (to_send.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(taken);
  }

  std::string told, body, to_send;
  bool ready = true, consumes = true;
  std::function<void(int32_t)> on_head;
  H1Codec* codec = nullptr;
};

struct Side {
  explicit Side(H1Codec::Role role) : codec(role, &events) { events.codec = &codec; }
  // In pieces of `size` bytes.
  void Receive(absl::string_view bytes, size_t size) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
      codec.Receive(bytes.substr(0, size));
    }
  }
  std::string Produced() {
    std::string out;
    whole = codec.Produce(out, kWriteBufferBytes);
    return out;
  }
  std::string Told() { return std::exchange(events.told, ""); }

  Listener events;
  H1Codec codec;
  bool whole = true;
};

constexpr char kGet[] = "GET /a?b HTTP/1.1\r\nHost: h\r\nX-Name: Value\r\n\r\n";
constexpr char kPost[] =
    "POST /p HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
    "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\ntrailer: t\r\n\r\n";

TEST_CASE("requests are the same however they are cut") {
  for (const size_t size : {1u, 2u, 7u, 1000u}) {
    INFO(size);
    Side server(H1Codec::Role::kServer);
    server.Receive(absl::StrCat("\r\n", kGet), size);
    CHECK(server.Told() == "<1\n:method=GET\n:path=/a?b\nx-name=Value\nend\n");
    server.codec.SubmitResponse(1, {{":status", "204"}}, true);
    CHECK(server.Produced() == "HTTP/1.1 204 No Content\r\n\r\n");
    CHECK(server.Told() == "1>\n");
    server.Receive(kPost, size);
    CHECK(server.Told() == "<3\n:method=POST\n:path=/p\nhead\ndata end\n");
    CHECK(server.events.body == "abcde");
    server.events.to_send = "answer";
    server.codec.SubmitResponse(3, {{":status", "200"}, {"content-length", "6"}}, false);
    CHECK(server.Produced() == "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nanswer");
    CHECK_FALSE(server.codec.finished());
  }
}

TEST_CASE("requests that come before their turn wait for it") {
  Side server(H1Codec::Role::kServer);
  server.codec.Receive(absl::StrCat(kGet, kGet, kGet));
  CHECK(server.Told() == "<1\n:method=GET\n:path=/a?b\nx-name=Value\nend\n");
  server.events.on_head = [&](int32_t id) {
    server.codec.SubmitResponse(id, {{":status", "200"}}, true);
  };
  server.codec.SubmitResponse(1, {{":status", "200"}}, true);
  const std::string one = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
  CHECK(server.Produced() == absl::StrCat(one, one, one));
  CHECK(absl::EndsWith(server.Told(), "5>\n"));
}

TEST_CASE("a body without a length is chunked, and waits until there is something") {
  Side server(H1Codec::Role::kServer);
  server.codec.Receive(kGet);
  server.events.ready = false;
  server.codec.SubmitResponse(1, {{":status", "200"}}, false);
  CHECK(server.Produced() == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
  CHECK(server.Produced().empty());
  server.events.ready = true;
  server.events.to_send = "0123456789abcdef!";
  server.codec.Resume(1);
  CHECK(server.Produced() == "11\r\n0123456789abcdef!\r\n0\r\n\r\n");
}

TEST_CASE("an answer shorter or longer than its head has said ends the connection") {
  for (const absl::string_view body : {"short", "much too long"}) {
    Side server(H1Codec::Role::kServer);
    server.codec.Receive(kGet);
    server.events.to_send = std::string(body);
    server.codec.SubmitResponse(1, {{":status", "200"}, {"content-length", "9"}}, false);
    server.Produced();
    CHECK_FALSE(server.whole);
  }
}

TEST_CASE("HEAD has the head of the answer alone") {
  Side server(H1Codec::Role::kServer);
  server.codec.Receive("HEAD / HTTP/1.1\r\nhost: h\r\n\r\n");
  server.codec.SubmitResponse(1, {{":status", "200"}, {"content-length", "9"}}, true);
  CHECK(server.Produced() == "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n");
  CHECK(server.whole);
}

TEST_CASE("who waits for leave to send a body gets it, unless the answer is there already") {
  constexpr char kHead[] =
      "PUT / HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n";
  Side server(H1Codec::Role::kServer);
  server.codec.Receive(kHead);
  CHECK(server.Produced() == "HTTP/1.1 100 Continue\r\n\r\n");
  Side refusing(H1Codec::Role::kServer);
  refusing.events.on_head = [&](int32_t id) {
    refusing.codec.SubmitResponse(id, {{":status", "403"}}, true);
  };
  refusing.codec.Receive(kHead);
  CHECK(refusing.Produced() == "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
  // What is left of the request cannot be told from another one.
  CHECK(refusing.codec.finished());
}

TEST_CASE("what is not HTTP/1.1 gets an answer that says so, and the end") {
  const std::string long_field(kMaxHeaderBytes, 'x');
  const std::pair<std::string, absl::string_view> cases[] = {
      {"GET / HTTP/1.0\r\nhost: h\r\n\r\n", "505"},
      {"GET / HTTP/1.1\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", "400"},
      {"nonsense\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nhost : h\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
       "400"},
      {"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: gzip, chunked\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: -1\r\n\r\n", "400"},
      {absl::StrCat("GET / HTTP/1.1\r\nhost: h\r\nx: ", long_field, "\r\n\r\n"), "431"},
  };
  for (const auto& [bytes, status] : cases) {
    INFO(bytes.substr(0, 100));
    Side server(H1Codec::Role::kServer);
    server.codec.Receive(bytes);
    const std::string answer = server.Produced();
    CHECK(absl::StartsWith(answer, absl::StrCat("HTTP/1.1 ", status)));
    CHECK(absl::StrContains(answer, "connection: close\r\n"));
    CHECK(server.codec.finished());
  }
}

TEST_CASE("a chunk that is none after the head, and a line without end, end the call") {
  constexpr char kHead[] = "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n";
  for (const std::string& chunk :
       {std::string("zz\r\n"), "1;" + std::string(kMaxHeaderBytes, 'x')}) {
    Side server(H1Codec::Role::kServer);
    server.codec.Receive(absl::StrCat(kHead, chunk));
    CHECK(absl::StartsWith(server.Produced(), "HTTP/1.1 400"));
    CHECK(absl::EndsWith(server.Told(), "1>\n"));
  }
}

TEST_CASE("who does not consume is not read from") {
  Side server(H1Codec::Role::kServer);
  server.events.consumes = false;
  server.codec.Receive("PUT / HTTP/1.1\r\nhost: h\r\ncontent-length: 10000000\r\n\r\n");
  CHECK(server.codec.wants_read());
  server.codec.Receive(std::string(kStreamWindow, 'x'));
  CHECK_FALSE(server.codec.wants_read());
  server.codec.Consume(1, 1);
  CHECK(server.codec.wants_read());
}

TEST_CASE("a call that ended with bytes not consumed does not keep the next from being read") {
  Side client(H1Codec::Role::kClient);
  client.events.consumes = false;
  const Headers get = {{":method", "GET"}, {":path", "/"}, {":authority", "a"}};
  client.codec.SubmitRequest(get, true, false);
  client.Produced();
  client.codec.Receive(
      absl::StrCat("HTTP/1.1 200 OK\r\ncontent-length: ", kStreamWindow, "\r\n\r\n"));
  client.codec.Receive(std::string(kStreamWindow, 'x'));
  CHECK(client.codec.MaxStreams() == 1);
  CHECK(client.codec.wants_read());
}

TEST_CASE("a client's calls come one after the other on a connection") {
  Side client(H1Codec::Role::kClient);
  const Headers get = {{":method", "GET"}, {":path", "/x"}, {":authority", "a:1"}, {"k", "v"}};
  CHECK(client.codec.MaxStreams() == 1);
  REQUIRE(client.codec.SubmitRequest(get, true, false) == 1);
  CHECK(client.codec.MaxStreams() == 0);
  CHECK(client.Produced() == "GET /x HTTP/1.1\r\nhost: a:1\r\nk: v\r\n\r\n");
  client.Receive(
      "HTTP/1.1 103 Early\r\nx: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\r\n\r\nhi",
      1);
  CHECK(client.Told() == ":status=200\ncontent-length=2\na=b\nhead\ndata end\n1>\n");
  CHECK(client.events.body == "hi");
  REQUIRE(client.codec.MaxStreams() == 1);
  // HEAD: a length, and no body.
  REQUIRE(client.codec.SubmitRequest({{":method", "HEAD"}, {":path", "/x"}, {":authority", "a:1"}},
                                     true, false) == 3);
  client.Produced();
  client.Receive("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", 5);
  CHECK(client.Told() == ":status=200\ncontent-length=2\nend\n3>\n");
  // A body to send, without a length.
  client.events.to_send = "body";
  REQUIRE(client.codec.SubmitRequest({{":method", "PUT"}, {":path", "/x"}, {":authority", "a:1"}},
                                     false, false) == 5);
  CHECK(client.Produced() ==
        "PUT /x HTTP/1.1\r\nhost: a:1\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n");
  client.Receive("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n", 100);
  CHECK(client.codec.finished());
  CHECK(client.codec.MaxStreams() == 0);
}

TEST_CASE("an answer that ends with its connection is whole, one that was to be longer is not") {
  const Headers get = {{":method", "GET"}, {":path", "/"}, {":authority", "a:1"}};
  Side client(H1Codec::Role::kClient);
  client.codec.SubmitRequest(get, true, false);
  client.Produced();
  client.codec.Receive("HTTP/1.1 200 OK\r\n\r\nsome");
  client.codec.ReceiveEnd();
  CHECK(client.Told() == ":status=200\nhead\ndata end\n1>\n");
  Side silent(H1Codec::Role::kClient);
  silent.codec.SubmitRequest(get, true, false);
  silent.codec.ReceiveEnd();
  CHECK(silent.Told().empty());
  Side cut(H1Codec::Role::kClient);
  cut.codec.SubmitRequest(get, true, false);
  cut.Produced();
  cut.codec.Receive("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsome");
  cut.codec.ReceiveEnd();
  CHECK(cut.Told() == ":status=200\ncontent-length=9\nhead\n");
}

TEST_CASE("a service that says what nobody asked, or switches protocols, loses the connection") {
  Side client(H1Codec::Role::kClient);
  client.codec.Receive("HTTP/1.1 200 OK\r\n\r\n");
  client.Produced();
  CHECK_FALSE(client.whole);
  Side other(H1Codec::Role::kClient);
  other.codec.SubmitRequest({{":method", "GET"}, {":path", "/"}, {":authority", "a"}}, true, false);
  other.Produced();
  other.codec.Receive("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n");
  other.Produced();
  CHECK_FALSE(other.whole);
}

TEST_CASE("a reset ends the connection of a call, but not that of an answer that is whole") {
  Side server(H1Codec::Role::kServer);
  server.codec.Receive(kGet);
  server.codec.Reset(1, NGHTTP2_CANCEL);
  server.Produced();
  CHECK_FALSE(server.whole);
  Side done(H1Codec::Role::kServer);
  done.codec.Receive(kGet);
  done.codec.SubmitResponse(1, {{":status", "200"}}, true);
  done.Produced();
  done.codec.Reset(1, NGHTTP2_CANCEL);
  done.Produced();
  CHECK(done.whole);
}

TEST_CASE("a connection that is to end says so in its last answer") {
  Side server(H1Codec::Role::kServer);
  server.codec.Receive(kGet);
  server.codec.AnnounceEnd();
  server.codec.SubmitResponse(1, {{":status", "200"}}, true);
  CHECK(absl::StrContains(server.Produced(), "connection: close\r\n"));
  CHECK(server.codec.finished());
  Side idle(H1Codec::Role::kServer);
  idle.codec.EndStreams();
  CHECK(idle.codec.finished());
}

}  // namespace
}  // namespace lgsp::gateway
