#include "services/national/signing_client.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/config/config.h"
#include "libs/log/log.h"
#include "libs/status/status.h"
#include "services/national/errors.h"
#include "services/national/signing_answer.h"

namespace lgsp::national {
namespace {

bool IsUrl(absl::string_view text) {
  return absl::StartsWith(text, "https://") || absl::StartsWith(text, "http://");
}

absl::Status CheckConfig(const SigningConfig& config) {
  if (!IsUrl(config.url())) {
    return ConfigInvalid("signing.url", "must begin with https:// or http://");
  }
  if (config.crl_urls().empty() || config.crl_urls_size() > kMaxCrls) {
    return ConfigInvalid("signing.crl_urls", absl::StrCat("must be 1 to ", kMaxCrls));
  }
  for (const std::string& url : config.crl_urls()) {
    if (!IsUrl(url)) {
      return ConfigInvalid("signing.crl_urls", "must begin with https:// or http://");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTime(absl::Time deadline) {
  return deadline - absl::Now() >= kMinSigningCallTime ? absl::OkStatus()
                                                       : SigningUnavailable("no time is left");
}

absl::StatusOr<http::Response> Ask(http::Client& client, http::Request request,
                                   absl::Time deadline) {
  request.timeout = deadline - absl::Now();
  return client.Call(request);
}

http::Request Get(std::string url) {
  http::Request request;
  request.method = "GET";
  request.url = std::move(url);
  return request;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SigningClient>> SigningClient::Make(const SigningConfig& config,
                                                                   absl::string_view base,
                                                                   metrics::Registry* metrics,
                                                                   const Clock* clock,
                                                                   absl::Duration call_timeout) {
  RETURN_IF_ERROR(CheckConfig(config));
  http::Options options;
  options.peer = "signing";
  if (!config.authority_file().empty()) {
    options.authority_file = config::Resolve(base, config.authority_file());
  }
  options.timeout = call_timeout;
  options.metrics = metrics;
  options.clock = clock;
  ASSIGN_OR_RETURN(auto system, http::Client::Make(options));
  options.peer = "signing_crl";
  ASSIGN_OR_RETURN(auto lists, http::Client::Make(options));
  return std::unique_ptr<SigningClient>(
      new SigningClient(config, std::move(system), std::move(lists), clock));
}

SigningClient::SigningClient(const SigningConfig& config, std::unique_ptr<http::Client> system,
                             std::unique_ptr<http::Client> lists, const Clock* clock)
    : signatures_url_(absl::StrCat(absl::StripSuffix(config.url(), "/"), "/v1/signatures")),
      crl_urls_(config.crl_urls().begin(), config.crl_urls().end()),
      system_(std::move(system)),
      lists_(std::move(lists)),
      clock_(clock),
      cache_(crl_urls_.size()) {}

absl::StatusOr<std::string> SigningClient::Sign(const v1::SignDigestRequest& request,
                                                absl::Time deadline) {
  http::Request post;
  post.url = signatures_url_;
  post.headers = {{"Content-Type", "application/json; charset=utf-8"}};
  ASSIGN_OR_RETURN(post.body, ToSigningSystem(request));
  RETURN_IF_ERROR(CheckTime(deadline));
  auto response = Ask(*system_, post, deadline);
  // What a reference consists of needs no escaping in a query.
  if (IsAnswerLost(response) && CheckTime(deadline).ok()) {
    response = Ask(*system_, Get(absl::StrCat(signatures_url_, "?reference=", request.reference())),
                   deadline);
  }
  auto cms = ReadSignature(response, request);
  if (!cms.ok()) log::Warning("no signature", {{"status", cms.status()}});
  return cms;
}

absl::StatusOr<std::string> SigningClient::FetchRevocationList(size_t index, absl::Time deadline) {
  RETURN_IF_ERROR(CheckTime(deadline));
  // Its age counts from before the call.
  const absl::Time asked = clock_->SecurityNow();
  ASSIGN_OR_RETURN(std::string content,
                   ReadRevocationList(Ask(*lists_, Get(crl_urls_[index]), deadline)));
  absl::MutexLock lock(&mutex_);
  cache_[index] = {content, asked};
  return content;
}

absl::StatusOr<std::string> SigningClient::RevocationList(size_t index, absl::Time deadline) {
  std::string last;
  {
    absl::MutexLock lock(&mutex_);
    const List& list = cache_[index];
    last = list.content;
    // Clocks are set back too.
    if (absl::AbsDuration(clock_->SecurityNow() - list.fetched) < kCrlLifetime) return last;
  }
  // Two at once fetch twice: nobody waits for another's call.
  auto list = FetchRevocationList(index, deadline);
  if (list.ok()) return list;
  log::Warning("no revocation list",
               {{"index", static_cast<int64_t>(index)}, {"status", list.status()}});
  if (last.empty()) return list;
  return last;
}

absl::StatusOr<std::vector<std::string>> SigningClient::RevocationLists(absl::Time deadline) {
  std::vector<std::string> lists;
  size_t together = 0;
  absl::Status failed;
  for (size_t i = 0; i < crl_urls_.size(); ++i) {
    // One that does not answer leaves the others their time.
    const absl::Time now = absl::Now();
    auto list =
        RevocationList(i, now + (deadline - now) / static_cast<int64_t>(crl_urls_.size() - i));
    if (list.ok() && together + list->size() > kMaxCrlBytesTogether) {
      log::Warning("revocation list left out: too large together",
                   {{"index", static_cast<int64_t>(i)}});
      continue;
    }
    if (!list.ok()) {
      failed = list.status();
      continue;
    }
    together += list->size();
    lists.push_back(*std::move(list));
  }
  if (lists.empty()) return failed;
  return lists;
}

}  // namespace lgsp::national
