#include "services/gateway/tls_filter.h"

#include <array>
#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/config/config.h"
#include "libs/keys/x509.h"
#include "libs/testing/files.h"
#include "services/gateway/limits.h"
#include "services/gateway/tls.h"

namespace lgsp::gateway {
namespace {

using State = TlsFilter::State;

// A server and a client of one authority, joined by moving what each has to say to the other.
struct Pair {
  Pair() {
    const absl::Time now = absl::Now();
    const auto authority = keys::MakeAuthority("test", now - absl::Hours(1), now + absl::Hours(1));
    keys::CertificateRequest request;
    request.common_name = "both";
    request.not_before = now - absl::Hours(1);
    request.not_after = now + absl::Hours(1);
    const auto made = keys::IssueCertificate(*authority, request);
    REQUIRE(made.ok());
    const auto write = [this](absl::string_view name, absl::string_view content) {
      const std::string path = absl::StrCat(folder.path(), "/", name);
      REQUIRE(config::WriteFile(path, content, 0600).ok());
      return path;
    };
    const std::string certificate = write("both.crt", made->certificate_pem);
    const std::string key = write("both.key", made->private_key_pem);
    server_context = *MakeServerTls(certificate, key);
    client_context =
        *MakeClientTls(certificate, key, write("authority.crt", authority->certificate_pem));
    server = std::make_unique<TlsFilter>(server_context.get(), TlsFilter::Role::kServer);
    client = std::make_unique<TlsFilter>(client_context.get(), TlsFilter::Role::kClient);
    OfferProtocol(client->ssl(), false);
  }

  // Of what `from` says, `piece` bytes at a time; what `to` gets out of it.
  static std::string Move(TlsFilter& from, TlsFilter& to, size_t piece) {
    const std::string bytes = std::exchange(from.output(), "");
    std::array<char, kTlsReadBytes> buffer;
    std::string out;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      to.Receive(absl::string_view(bytes).substr(at, piece));
      for (;;) {
        const absl::string_view read = to.Read(absl::MakeSpan(buffer));
        if (read.empty()) break;
        out.append(read.data(), read.size());
      }
    }
    return out;
  }
  void Handshake(size_t piece) {
    client->Begin();
    while (!client->output().empty() || !server->output().empty()) {
      Move(*client, *server, piece);
      Move(*server, *client, piece);
    }
  }

  lgsp::testing::TemporaryFolder folder;
  TlsContext server_context, client_context;
  std::unique_ptr<TlsFilter> server, client;
};

TEST_CASE("bytes cross TLS whole and in order, however they are cut") {
  for (const size_t piece : {size_t{1}, size_t{1000}, size_t{1} << 20}) {
    Pair pair;
    pair.Handshake(piece);
    REQUIRE(pair.server->state() == State::kOpen);
    REQUIRE(pair.client->state() == State::kOpen);
    CHECK(AgreedOnH2(pair.server->ssl()));
    std::string sent(100'000, '\0');
    for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * i >> 3);
    pair.client->Send(sent.substr(0, 70'000));
    pair.client->Send("");
    pair.client->Send(sent.substr(70'000));
    CHECK_FALSE(absl::StrContains(pair.client->output(), sent.substr(0, 100)));
    CHECK(Pair::Move(*pair.client, *pair.server, piece) == sent);
    pair.server->Send("back");
    CHECK(Pair::Move(*pair.server, *pair.client, piece) == "back");
  }
}

TEST_CASE("an end that is said is told from bytes that are not of the connection") {
  Pair ended;
  ended.Handshake(kReadBufferBytes);
  ended.client->Send("last");
  SSL_shutdown(ended.client->ssl());
  CHECK(Pair::Move(*ended.client, *ended.server, kReadBufferBytes) == "last");
  CHECK(ended.server->state() == State::kEnded);

  Pair altered;
  altered.Handshake(kReadBufferBytes);
  altered.client->Send("something");
  altered.client->output().back() ^= 1;
  CHECK(Pair::Move(*altered.client, *altered.server, kReadBufferBytes).empty());
  CHECK(altered.server->state() == State::kBroken);
  CHECK(altered.server->error() != 0);
  // The other side learns of it.
  CHECK_FALSE(altered.server->output().empty());
  Pair::Move(*altered.server, *altered.client, kReadBufferBytes);
  CHECK(altered.client->state() == State::kBroken);
}

TEST_CASE("a handshake with nonsense breaks, and says so") {
  Pair pair;
  pair.server->Receive("GET / HTTP/1.1\r\n\r\n");
  CHECK(pair.server->state() == State::kBroken);
  CHECK(pair.server->error() != 0);
  std::array<char, 16> buffer;
  CHECK(pair.server->Read(absl::MakeSpan(buffer)).empty());
}

TEST_CASE("keys that a peer wants anew are answered, each time in what is to be written") {
  Pair pair;
  pair.Handshake(kReadBufferBytes);
  size_t before = 0;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(SSL_key_update(pair.client->ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
    pair.client->Send("x");
    CHECK(Pair::Move(*pair.client, *pair.server, kReadBufferBytes) == "x");
    CHECK(pair.server->state() == State::kOpen);
    pair.server->Send("y");
    CHECK(pair.server->output().size() > before);
    before = pair.server->output().size();
  }
  CHECK(Pair::Move(*pair.server, *pair.client, kReadBufferBytes) == "yyy");
}

}  // namespace
}  // namespace lgsp::gateway
