#include "libs/http/scripted_server_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/http/http.h"

namespace lgsp::http {
namespace {

SSL_CTX* MakeTls(const keys::CertifiedKey& key, int max_tls) {
  SSL_CTX* tls = SSL_CTX_new(TLS_server_method());
  // Security level 1 refuses TLS 1.1; the server must be able to offer it, for the client to
  // refuse.
  SSL_CTX_set_security_level(tls, 0);
  SSL_CTX_set_min_proto_version(tls, TLS1_VERSION);
  SSL_CTX_set_max_proto_version(tls, max_tls);
  BIO* bio =
      BIO_new_mem_buf(key.certificate_pem.data(), static_cast<int>(key.certificate_pem.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  bio = BIO_new_mem_buf(key.private_key_pem.data(), static_cast<int>(key.private_key_pem.size()));
  EVP_PKEY* private_key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  const bool good = SSL_CTX_use_certificate(tls, certificate) == 1 &&
                    SSL_CTX_use_PrivateKey(tls, private_key) == 1;
  X509_free(certificate);
  EVP_PKEY_free(private_key);
  REQUIRE(good);
  return tls;
}

}  // namespace

class ScriptedServer::Connection {
 public:
  Connection(int fd, SSL_CTX* tls) : fd_(fd) {
    if (tls == nullptr) return;
    ssl_ = SSL_new(tls);
    SSL_set_fd(ssl_, fd);
    usable_ = SSL_accept(ssl_) == 1;
    ERR_clear_error();
  }
  ~Connection() { SSL_free(ssl_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool usable() const { return usable_; }

  // One request, head and body; empty at the end of the connection.
  std::string ReadRequest() {
    std::string text;
    size_t whole = std::string::npos;
    while (text.size() < whole) {
      char buffer[4096];
      const int n = Read(buffer, sizeof(buffer));
      if (n <= 0) return "";
      text.append(buffer, static_cast<size_t>(n));
      const size_t head = text.find("\r\n\r\n");
      if (whole != std::string::npos || head == std::string::npos) continue;
      whole = head + 4 + BodySize(text.substr(0, head));
    }
    return text;
  }

  bool Write(absl::string_view text) {
    while (!text.empty()) {
      const auto n = ssl_ != nullptr ? SSL_write(ssl_, text.data(), static_cast<int>(text.size()))
                                     : send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      text.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  void Reset() const {
    const linger now = {1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  }

 private:
  int Read(char* buffer, size_t size) {
    return ssl_ != nullptr ? SSL_read(ssl_, buffer, static_cast<int>(size))
                           : static_cast<int>(recv(fd_, buffer, size, 0));
  }

  static size_t BodySize(const std::string& head) {
    constexpr absl::string_view kName = "content-length: ";
    std::string lower = head;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return tolower(c); });
    const size_t at = lower.find(std::string(kName));
    if (at == std::string::npos) return 0;
    return static_cast<size_t>(std::strtoul(lower.c_str() + at + kName.size(), nullptr, 10));
  }

  const int fd_;
  SSL* ssl_ = nullptr;
  bool usable_ = true;
};

ScriptedServer::ScriptedServer(const keys::CertifiedKey* key, int max_tls) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  if (key != nullptr) tls_ = MakeTls(*key, max_tls);
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(listener_ >= 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(listen(listener_, 64) == 0);
  REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

ScriptedServer::~ScriptedServer() {
  std::vector<std::thread> threads;
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    shutdown(listener_, SHUT_RDWR);
    for (const int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  acceptor_.join();
  {
    const absl::MutexLock lock(&mutex_);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
  close(listener_);
  SSL_CTX_free(tls_);
}

void ScriptedServer::Script(std::vector<Behaviour> behaviours) {
  const absl::MutexLock lock(&mutex_);
  script_.assign(behaviours.begin(), behaviours.end());
}

void ScriptedServer::MuteConnections() {
  const absl::MutexLock lock(&mutex_);
  mute_ = true;
}

std::string ScriptedServer::Url(absl::string_view path) const {
  return absl::StrCat(tls_ != nullptr ? "https" : "http", "://127.0.0.1:", port_, path);
}

std::vector<std::string> ScriptedServer::Requests() {
  const absl::MutexLock lock(&mutex_);
  return requests_;
}

int ScriptedServer::Connections() {
  const absl::MutexLock lock(&mutex_);
  return connections_;
}

void ScriptedServer::Accept() {
  for (;;) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const absl::MutexLock lock(&mutex_);
    if (stopping_) {
      close(fd);
      return;
    }
    ++connections_;
    open_.push_back(fd);
    threads_.emplace_back([this, fd, mute = mute_] {
      if (mute) {
        char buffer[4096];
        while (recv(fd, buffer, sizeof(buffer), 0) > 0) {
        }
      } else {
        Connection connection(fd, tls_);
        if (connection.usable()) Serve(connection);
      }
      const absl::MutexLock closing(&mutex_);
      open_.erase(std::find(open_.begin(), open_.end(), fd));
      close(fd);
    });
  }
}

void ScriptedServer::Serve(Connection& connection) {
  for (;;) {
    std::string request = connection.ReadRequest();
    if (request.empty()) return;
    Behaviour behaviour = Behaviour::kAnswer;
    {
      const absl::MutexLock lock(&mutex_);
      requests_.push_back(std::move(request));
      if (!script_.empty()) {
        behaviour = script_.front();
        script_.pop_front();
      }
    }
    if (!Act(connection, behaviour)) return;
  }
}

bool ScriptedServer::Act(Connection& connection, Behaviour behaviour) const {
  constexpr absl::string_view kOpenEnd = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
  switch (behaviour) {
    case Behaviour::kAnswer:
      return connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    case Behaviour::kUnavailable:
      return connection.Write("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy");
    case Behaviour::kRedirect:
      return connection.Write(absl::StrCat("HTTP/1.1 302 Found\r\nLocation: ", Url("/other"),
                                           "\r\nContent-Length: 0\r\n\r\n"));
    case Behaviour::kCloseBefore:
      return false;
    case Behaviour::kResetBefore:
      connection.Reset();
      return false;
    case Behaviour::kCloseInside:
      connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
      return false;
    case Behaviour::kStall:
      connection.ReadRequest();
      return false;
    case Behaviour::kTooLargeBody:
      connection.Write(absl::StrCat(kOpenEnd, std::string(kMaxAnswerBytes + 1, 'x')));
      return false;
    case Behaviour::kTooLargeHeaders:
      if (!connection.Write("HTTP/1.1 200 OK\r\n")) return false;
      for (int i = 0; i < 100; ++i) {
        if (!connection.Write(absl::StrCat("X: ", std::string(50'000, 'x'), "\r\n"))) return false;
      }
      return false;
    case Behaviour::kLargest:
      connection.Write(absl::StrCat(kOpenEnd, std::string(kMaxAnswerBytes - kOpenEnd.size(), 'x')));
      return false;
  }
  return false;
}

}  // namespace lgsp::http
