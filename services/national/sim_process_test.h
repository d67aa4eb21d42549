// The simulators of the national systems (tools/national_sim) and of the agencies' signing system
// (tools/agency_sim/signing) as real processes.
#pragma once

#include <sys/types.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/http/http.h"
#include "services/national/config.pb.h"

namespace lgsp::national {

// An empty folder, removed at the end.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  // The path of `name` in it; with content: written, readable by us only.
  std::string File(absl::string_view name) const;
  std::string File(absl::string_view name, absl::string_view content) const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A program that says `http://…` or `https://…` on its first line when it is ready.
class Simulator {
 public:
  ~Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  const std::string& url() const { return url_; }
  const Scratch& scratch() const { return scratch_; }
  // The next answers of `endpoint` fail like this.
  void Script(absl::string_view endpoint, absl::string_view kind, int times = 1);
  nlohmann::json State() { return Admin("GET", "/sim/state"); }
  // Null for 404; any other status than 200 fails the test.
  nlohmann::json Admin(const std::string& method, absl::string_view path,
                       absl::string_view body = "");
  // Ends it at once.
  void Kill();

 protected:
  Simulator() = default;
  // Waits until it is ready. `authority_file`: of its certificate, if it has one.
  void Start(std::vector<std::string> words, const std::string& authority_file = "");

 private:
  Scratch scratch_;
  pid_t pid_ = -1;
  int output_ = -1;
  std::string url_;
  std::unique_ptr<http::Client> admin_;
};

class SimProcess : public Simulator {
 public:
  // With `tls`: its certificate is for 127.0.0.1, by an authority of its own.
  explicit SimProcess(const std::vector<std::string>& arguments = {}, bool tls = false);

  // For PortalClient::Make; credentials and authority lie in `scratch`.
  PortalConfig Config() const;
  // The dossier as it is held; null when it is not.
  nlohmann::json Dossier(absl::string_view number);
};

class SigningProcess : public Simulator {
 public:
  explicit SigningProcess(const std::vector<std::string>& arguments = {});

  // For SigningClient::Make.
  SigningConfig Config() const;
};

// A server of the files in `scratch`.
class FileServer : public Simulator {
 public:
  FileServer();
};

}  // namespace lgsp::national
