#include "libs/redis/redis.h"

#include <hiredis/hiredis.h>
#include <pthread.h>

#include <csignal>
#include <ctime>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/status/status.h"

namespace lgsp::redis {
namespace {

constexpr absl::string_view kUnixPrefix = "unix:";

using ContextPtr = std::unique_ptr<redisContext, decltype(&redisFree)>;
using ReplyPtr = std::unique_ptr<redisReply, decltype(&freeReplyObject)>;

absl::Status Unreachable(absl::string_view what) {
  return MakeError(absl::StatusCode::kUnavailable, "REDIS_UNREACHABLE", what);
}

absl::Status Refused(const redisReply& reply) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "REDIS_REFUSED",
      absl::StrCat("redis: ", absl::string_view(reply.str == nullptr ? "" : reply.str, reply.len)));
}

// hiredis writes to a connection that the server has closed without asking for no signal, and a
// process that does not expect it ends by SIGPIPE. The signal goes to the thread that writes: while
// this lives it is held back, and what came is taken away.
class NoBrokenPipe {
 public:
  NoBrokenPipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoBrokenPipe() {
    if (sigismember(&before_, SIGPIPE) == 1) return;
    const timespec at_once = {};
    sigtimedwait(&pipe_, nullptr, &at_once);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoBrokenPipe(const NoBrokenPipe&) = delete;
  NoBrokenPipe& operator=(const NoBrokenPipe&) = delete;

 private:
  sigset_t pipe_, before_;
};

ReplyPtr Ask(redisContext* context, const std::vector<absl::string_view>& words) {
  std::vector<const char*> data;
  std::vector<size_t> sizes;
  for (const absl::string_view word : words) {
    data.push_back(word.data());
    sizes.push_back(word.size());
  }
  const NoBrokenPipe guard;
  void* reply =
      redisCommandArgv(context, static_cast<int>(words.size()), data.data(), sizes.data());
  return {static_cast<redisReply*>(reply), &freeReplyObject};
}

// 0 when `address` is not `<host>:<port>`.
int PortOf(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  const bool good = colon != absl::string_view::npos && colon > 0 &&
                    absl::SimpleAtoi(address.substr(colon + 1), &port) && port > 0 && port <= 65535;
  return good ? port : 0;
}

redisContext* Open(absl::string_view address, timeval timeout) {
  if (absl::ConsumePrefix(&address, kUnixPrefix)) {
    return redisConnectUnixWithTimeout(std::string(address).c_str(), timeout);
  }
  const std::string host(address.substr(0, address.rfind(':')));
  return redisConnectWithTimeout(host.c_str(), PortOf(address), timeout);
}

}  // namespace

absl::Status CheckAddress(absl::string_view address) {
  if (absl::StartsWith(address, kUnixPrefix) || PortOf(address) > 0) return absl::OkStatus();
  return MakeError(absl::StatusCode::kInvalidArgument, "REDIS_ADDRESS_INVALID",
                   absl::StrCat(address, ": must be <host>:<port> or unix:<path>"));
}

struct Client::Connection {
  ContextPtr context{nullptr, &redisFree};
};

Client::Client(Options options, const Clock* clock)
    : options_(std::move(options)), clock_(clock), connection_(std::make_unique<Connection>()) {}

Client::~Client() = default;

absl::Status Client::Lost(absl::string_view what) {
  connection_->context.reset();
  retry_at_ = clock_->SecurityNow() + kConnectBackoff;
  return Unreachable(what);
}

absl::Status Client::Connect() {
  if (connection_->context != nullptr) return absl::OkStatus();
  if (clock_->SecurityNow() < retry_at_) return Unreachable("redis was not reached a moment ago");
  const timeval timeout = absl::ToTimeval(options_.timeout);
  RETURN_IF_ERROR(CheckAddress(options_.address));
  redisContext* const context = Open(options_.address, timeout);
  connection_->context.reset(context);
  if (context == nullptr || context->err != 0) return Lost("redis cannot be reached");
  redisSetTimeout(context, timeout);
  if (options_.password.empty()) return absl::OkStatus();
  const ReplyPtr reply = Ask(context, {"AUTH", options_.password});
  if (reply == nullptr) return Lost("redis did not answer");
  if (reply->type != REDIS_REPLY_ERROR) return absl::OkStatus();
  const absl::Status refused = Refused(*reply);
  Lost("").IgnoreError();
  return refused;
}

absl::StatusOr<std::vector<int64_t>> Client::Eval(absl::string_view script,
                                                  const std::vector<std::string>& keys,
                                                  const std::vector<std::string>& arguments) {
  RETURN_IF_ERROR(Connect());
  const std::string count = absl::StrCat(keys.size());
  std::vector<absl::string_view> words = {"EVAL", script, count};
  words.insert(words.end(), keys.begin(), keys.end());
  words.insert(words.end(), arguments.begin(), arguments.end());
  const ReplyPtr reply = Ask(connection_->context.get(), words);
  if (reply == nullptr) return Lost("redis did not answer");
  if (reply->type == REDIS_REPLY_ERROR) return Refused(*reply);
  std::vector<int64_t> answer;
  for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; ++i) {
    if (reply->element[i]->type != REDIS_REPLY_INTEGER) break;
    answer.push_back(reply->element[i]->integer);
  }
  if (reply->type != REDIS_REPLY_ARRAY || answer.size() != reply->elements) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "REDIS_REFUSED",
                     "redis: the script's answer is not integers");
  }
  return answer;
}

}  // namespace lgsp::redis
