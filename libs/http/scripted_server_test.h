// A real server on a raw socket that does to each request what its script says, with TLS or
// without.
#pragma once

#include <openssl/ssl.h>

#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "libs/keys/x509.h"

namespace lgsp::http {

enum class Behaviour {
  kAnswer,           // 200, "hello", keeps the connection
  kUnavailable,      // 503 with a body
  kRedirect,         // 302 to the same server
  kCloseBefore,      // reads the request, closes in order
  kResetBefore,      // reads the request, resets
  kCloseInside,      // half of an answer
  kStall,            // no answer until the client goes
  kTooLargeBody,     // one byte over the limit, of unknown length
  kTooLargeHeaders,  // headers without end
  kLargest,          // as large as is allowed
};

class ScriptedServer {
 public:
  // With a key: TLS at most of version `max_tls`.
  explicit ScriptedServer(const keys::CertifiedKey* key = nullptr, int max_tls = TLS1_3_VERSION);
  ~ScriptedServer();

  // Does these to the next requests; afterwards kAnswer.
  void Script(std::vector<Behaviour> behaviours);
  // Accepts, then says nothing, not even TLS.
  void MuteConnections();

  int port() const { return port_; }
  std::string Url(absl::string_view path = "/") const;
  // The requests that arrived, whole: head and body.
  std::vector<std::string> Requests();
  int Connections();

 private:
  class Connection;
  void Accept();
  void Serve(Connection& connection);
  // False: the connection is done with.
  bool Act(Connection& connection, Behaviour behaviour) const;

  SSL_CTX* tls_ = nullptr;
  int listener_ = -1;
  int port_ = 0;
  absl::Mutex mutex_;
  std::deque<Behaviour> script_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> requests_ ABSL_GUARDED_BY(mutex_);
  std::vector<int> open_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;
  bool mute_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread acceptor_;
};

}  // namespace lgsp::http
