// The simulator of the national systems (tools/national_sim) as a real process.
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

class SimProcess {
 public:
  // Waits until it is ready. With `tls`: its certificate is for 127.0.0.1, by an authority of its
  // own.
  explicit SimProcess(const std::vector<std::string>& arguments = {}, bool tls = false);
  ~SimProcess();

  // For PortalClient::Make; credentials and authority lie in `scratch`.
  PortalConfig Config() const;
  // The next answers of `endpoint` fail like this.
  void Script(absl::string_view endpoint, absl::string_view kind, int times = 1);
  nlohmann::json State();
  // The dossier as it is held; null when it is not.
  nlohmann::json Dossier(absl::string_view number);
  const Scratch& scratch() const { return scratch_; }

 private:
  void Start(const std::vector<std::string>& arguments, bool tls);
  nlohmann::json Admin(const std::string& method, absl::string_view path,
                       absl::string_view body = "");

  Scratch scratch_;
  pid_t pid_ = -1;
  int output_ = -1;
  std::string url_;
  std::unique_ptr<http::Client> admin_;
};

}  // namespace lgsp::national
