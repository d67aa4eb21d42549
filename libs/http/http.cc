#include "libs/http/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "libs/config/config.h"
#include "libs/http/circuit_breaker.h"
#include "libs/status/status.h"

namespace lgsp::http {
namespace {

// Name, TCP and TLS together; a peer that is there is reached in far less.
constexpr absl::Duration kConnectTimeout = absl::Seconds(3);
// Many servers drop idle connections after a minute; one that is younger is not lost under a
// request.
constexpr long kMaxIdleSeconds = 30;
// Handles (each with its connections) that wait for the next call. More calls at once make their
// own.
constexpr size_t kMaxIdleHandles = 16;
// A renewed authority file is seen after this.
constexpr long kAuthorityCacheSeconds = 60;

enum Outcome { kAnswered, kNotSent, kCircuitOpen, kUnknown, kTimeout, kTooLarge, kOutcomes };
constexpr absl::string_view kOutcomeNames[kOutcomes] = {
    "answered", "not_sent", "circuit_open", "outcome_unknown", "timeout", "too_large"};

struct FreeCurl {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Handle = std::unique_ptr<CURL, FreeCurl>;
using HeaderList = std::unique_ptr<curl_slist, FreeCurl>;

// What the callbacks of one call see.
struct Transfer {
  std::string body;
  size_t header_bytes = 0;
  bool too_large = false;
  int times_begun = 0;
};

size_t OnBody(char* data, size_t, size_t size, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  transfer->too_large = transfer->header_bytes + transfer->body.size() + size > kMaxAnswerBytes;
  if (transfer->too_large) return 0;
  transfer->body.append(data, size);
  return size;
}

size_t OnHeader(char*, size_t, size_t size, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  transfer->header_bytes += size;
  transfer->too_large = transfer->header_bytes > kMaxAnswerBytes;
  return transfer->too_large ? 0 : size;
}

// Called when the connection stands and the request is about to be written: before it nothing was
// sent. curl repeats a request by itself, POST too, when a kept connection breaks before the
// answer; the peer may have acted on it by then, so the repetition is stopped here.
int OnBegin(void* user, char*, char*, int, int) {
  auto* transfer = static_cast<Transfer*>(user);
  return transfer->times_begun++ == 0 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

absl::Status Invalid(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "HTTP_REQUEST_INVALID", what);
}

bool OneLine(absl::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

absl::Status CheckRequest(const Request& request) {
  const bool bodiless = request.method == "GET" || request.method == "HEAD";
  if (!bodiless && request.method != "POST" && request.method != "PUT" &&
      request.method != "PATCH" && request.method != "DELETE") {
    return Invalid("unknown method");
  }
  if (bodiless && !request.body.empty()) return Invalid("GET and HEAD have no body");
  const std::unique_ptr<CURLU, FreeCurl> url(curl_url());
  if (!absl::StartsWith(request.url, "https://") && !absl::StartsWith(request.url, "http://")) {
    return Invalid("url is neither http nor https");
  }
  if (curl_url_set(url.get(), CURLUPART_URL, request.url.c_str(), CURLU_DISALLOW_USER) !=
          CURLUE_OK ||
      !OneLine(request.url)) {
    return Invalid("url is malformed");
  }
  for (const auto& [name, value] : request.headers) {
    if (name.empty() || !OneLine(name) || name.find(':') != std::string::npos || !OneLine(value)) {
      return Invalid("a header is malformed");
    }
  }
  return absl::OkStatus();
}

HeaderList MakeHeaders(const Request& request) {
  HeaderList list;
  const auto add = [&](const std::string& line) {
    list.reset(curl_slist_append(list.release(), line.c_str()));
  };
  add("Expect:");  // no waiting for 100 Continue
  bool typed = false;
  for (const auto& [name, value] : request.headers) {
    typed = typed || absl::EqualsIgnoreCase(name, "Content-Type");
    // "Name:" alone would remove the header, "Name;" sends it empty.
    add(value.empty() ? absl::StrCat(name, ";") : absl::StrCat(name, ": ", value));
  }
  if (!typed) add("Content-Type:");  // curl would call every body a form
  return list;
}

// Sets options of a handle; remembers whether all were taken.
class Setter {
 public:
  explicit Setter(CURL* curl) : curl_(curl) {}
  template <typename T>
  void operator()(CURLoption option, T value) {
    ok_ = curl_easy_setopt(curl_, option, value) == CURLE_OK && ok_;
  }
  bool ok() const { return ok_; }

 private:
  CURL* curl_;
  bool ok_ = true;
};

void SetTransport(Setter& set, const Options& options) {
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, "");
  // HTTP/2 has rules of its own about what may be repeated.
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options.authority_file.empty()) {
    set(CURLOPT_CAINFO, options.authority_file.c_str());
    // The system's folder would be trusted beside the file.
    set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  set(CURLOPT_CA_CACHE_TIMEOUT, kAuthorityCacheSeconds);
  set(CURLOPT_MAXAGE_CONN, kMaxIdleSeconds);
}

void SetRequest(Setter& set, const Request& request, curl_slist* headers) {
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_HTTPHEADER, headers);
  if (request.method == "GET") {
    set(CURLOPT_HTTPGET, 1L);
  } else if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.data());
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

void SetCallbacks(Setter& set, Transfer* transfer) {
  set(CURLOPT_PREREQFUNCTION, OnBegin);
  set(CURLOPT_PREREQDATA, transfer);
  set(CURLOPT_HEADERFUNCTION, OnHeader);
  set(CURLOPT_HEADERDATA, transfer);
  set(CURLOPT_WRITEFUNCTION, OnBody);
  set(CURLOPT_WRITEDATA, transfer);
}

Outcome Judge(CURLcode code, const Transfer& transfer) {
  if (code == CURLE_OK) return kAnswered;
  if (transfer.too_large) return kTooLarge;
  if (transfer.times_begun == 0) return kNotSent;
  return code == CURLE_OPERATION_TIMEDOUT ? kTimeout : kUnknown;
}

absl::Status ErrorOf(Outcome outcome, absl::string_view peer, absl::string_view cause) {
  struct Form {
    absl::StatusCode code;
    absl::string_view reason;
    absl::string_view what;
  };
  static constexpr Form kForms[kOutcomes] = {
      {absl::StatusCode::kOk, "", ""},
      {absl::StatusCode::kUnavailable, "HTTP_NOT_SENT", "cannot be reached"},
      {absl::StatusCode::kUnavailable, "HTTP_CIRCUIT_OPEN",
       "did not answer lately and is not called"},
      {absl::StatusCode::kUnavailable, "HTTP_OUTCOME_UNKNOWN",
       "broke the connection before its answer"},
      {absl::StatusCode::kDeadlineExceeded, "HTTP_TIMEOUT", "did not answer in time"},
      {absl::StatusCode::kResourceExhausted, "HTTP_ANSWER_TOO_LARGE", "gave too large an answer"},
  };
  const Form& form = kForms[outcome];
  return MakeError(form.code, form.reason, absl::StrCat(peer, " ", form.what, ": ", cause),
                   {{"peer", peer}});
}

}  // namespace

struct Client::Impl {
  Impl(const Options& given, const Clock* clock)
      : options(given), breaker(given.failures_to_open, given.open_time, clock) {
    if (options.metrics == nullptr) return;
    for (int i = 0; i < kOutcomes; ++i) {
      requests[i] = options.metrics->GetCounter(
          "http_client_requests_total", "Calls to systems outside the platform, by outcome.",
          {{"peer", options.peer}, {"outcome", kOutcomeNames[i]}});
    }
    seconds = options.metrics->GetHistogram("http_client_seconds", "Time of calls that were tried.",
                                            {{"peer", options.peer}});
  }

  Handle Take() {
    const absl::MutexLock lock(&mutex);
    if (idle.empty()) return Handle(curl_easy_init());
    Handle handle = std::move(idle.back());  // the last one's connection is the warmest
    idle.pop_back();
    return handle;
  }

  void GiveBack(Handle handle) {
    const absl::MutexLock lock(&mutex);
    if (idle.size() < kMaxIdleHandles) idle.push_back(std::move(handle));
  }

  // One transfer, judged. `cause` is curl's constant text.
  Outcome Perform(const Request& request, absl::Duration timeout, Response* response,
                  std::string* cause);

  const Options options;
  CircuitBreaker breaker;
  metrics::Counter requests[kOutcomes];
  metrics::Histogram seconds;
  absl::Mutex mutex;
  std::vector<Handle> idle ABSL_GUARDED_BY(mutex);
};

Outcome Client::Impl::Perform(const Request& request, absl::Duration timeout, Response* response,
                              std::string* cause) {
  Handle handle = Take();
  Transfer transfer;
  const HeaderList headers = MakeHeaders(request);
  // Keeps connections, forgets the last call.
  curl_easy_reset(handle.get());
  Setter set(handle.get());
  SetTransport(set, options);
  SetRequest(set, request, headers.get());
  SetCallbacks(set, &transfer);
  // 0 would mean no limit.
  const auto milliseconds = [](absl::Duration d) {
    return static_cast<long>(std::max<int64_t>(1, absl::ToInt64Milliseconds(d)));
  };
  set(CURLOPT_TIMEOUT_MS, milliseconds(timeout));
  set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(std::min(timeout, kConnectTimeout)));
  if (!set.ok()) {
    *cause = "an option was refused";
    return kNotSent;
  }
  const CURLcode code = curl_easy_perform(handle.get());
  const Outcome outcome = Judge(code, transfer);
  *cause = curl_easy_strerror(code);
  if (outcome == kAnswered) {
    long status = 0;
    curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
    response->status = static_cast<int>(status);
    response->body = std::move(transfer.body);
  }
  GiveBack(std::move(handle));
  return outcome;
}

absl::StatusOr<std::unique_ptr<Client>> Client::Make(const Options& options) {
  if (options.peer.empty() || options.timeout <= absl::ZeroDuration() ||
      options.failures_to_open < 1) {
    return MakeError(absl::StatusCode::kInvalidArgument, "HTTP_OPTIONS_INVALID",
                     "a client needs a peer, a time and a number of failures");
  }
  if (!options.authority_file.empty())
    RETURN_IF_ERROR(config::ReadFile(options.authority_file).status());
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised != CURLE_OK) {
    return MakeError(absl::StatusCode::kUnavailable, "HTTP_OPTIONS_INVALID",
                     "libcurl cannot be initialised");
  }
  static const auto* system_clock = new SystemClock();
  const Clock* clock = options.clock != nullptr ? options.clock : system_clock;
  return std::unique_ptr<Client>(new Client(std::make_unique<Impl>(options, clock)));
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

absl::StatusOr<Response> Client::Call(const Request& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  Impl& impl = *impl_;
  const auto counted = [&](Outcome outcome, absl::string_view cause) {
    impl.requests[outcome].Add();
    return ErrorOf(outcome, impl.options.peer, cause);
  };
  const absl::Duration timeout = std::min(request.timeout, impl.options.timeout);
  if (timeout <= absl::ZeroDuration()) return counted(kNotSent, "no time is left");
  const CircuitBreaker::Permit permit = impl.breaker.Admit();
  if (permit == CircuitBreaker::Permit::kRefused) return counted(kCircuitOpen, "circuit open");

  Response response;
  std::string cause;
  const auto begin = std::chrono::steady_clock::now();
  const Outcome outcome = impl.Perform(request, timeout, &response, &cause);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  // An answer that is too large is an answer still: the peer is there.
  impl.breaker.Record(permit, outcome == kAnswered || outcome == kTooLarge);
  impl.seconds.Observe(taken.count());
  if (outcome != kAnswered) return counted(outcome, cause);
  impl.requests[kAnswered].Add();
  return response;
}

}  // namespace lgsp::http
