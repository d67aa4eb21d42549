#include "services/gateway/quota.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "google/protobuf/util/time_util.h"
#include "libs/log/log.h"
#include "services/gateway/limits.h"

namespace lgsp::gateway {
namespace {

using google::protobuf::util::TimeUtil;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kMinPeriod = 1'000'000, kMaxPeriod = 86'400 * kSecond;
// A lease is this part of what the bucket holds when full.
constexpr int64_t kLeaseParts = 40;
constexpr char kKeyPrefix[] = "lgsp:quota:";

// For each key the arguments rate (per second), burst, want. Answers, for each, how many tokens it
// gives and in how many microseconds there will be another one. Time is Redis's own: the gateways'
// clocks may differ.
constexpr char kLeaseScript[] = R"lua(
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local answer = {}
for i, key in ipairs(KEYS) do
  local rate = tonumber(ARGV[3 * i - 2])
  local burst = tonumber(ARGV[3 * i - 1])
  local want = tonumber(ARGV[3 * i])
  local bucket = redis.call('HMGET', key, 'tokens', 'time')
  local tokens = tonumber(bucket[1]) or burst
  local since = math.max(0, now - (tonumber(bucket[2]) or now))
  tokens = math.min(burst, tokens + since * rate / 1000000)
  local given = math.floor(math.min(want, tokens))
  tokens = tokens - given
  redis.call('HSET', key, 'tokens', string.format('%.9f', tokens), 'time', string.format('%.0f', now))
  redis.call('PEXPIRE', key, math.ceil((burst - tokens) / rate * 1000) + 1000)
  answer[2 * i - 1] = given
  answer[2 * i] = math.ceil(math.max(0, 1 - tokens) / rate * 1000000)
end
return answer)lua";

SteadyNanos Now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

int64_t PeriodOf(const lgsp::registry::v1::Quota& terms) {
  return terms.has_period() ? TimeUtil::DurationToNanoseconds(terms.period()) : kSecond;
}

}  // namespace

bool Quota::IsValid(const lgsp::registry::v1::Quota& terms) {
  const int64_t period = PeriodOf(terms);
  return terms.calls() > 0 && period >= kMinPeriod && period <= kMaxPeriod;
}

void Quota::SetTerms(const lgsp::registry::v1::Quota& terms) {
  interval_.store(std::max<int64_t>(1, PeriodOf(terms) / terms.calls()));
  burst_.store(terms.burst() > 0 ? terms.burst() : terms.calls());
}

Quota::Terms Quota::terms() const {
  return {static_cast<double>(kSecond) / static_cast<double>(interval_.load()), burst_.load()};
}

int64_t Quota::Chunk() const { return std::max<int64_t>(1, burst_.load() / kLeaseParts); }

int64_t Quota::Wanted() const {
  return asked_.load() + std::max<int64_t>(0, Chunk() - credit_.load());
}

void Quota::Want() {
  if (!wanted_.exchange(true)) on_want_();
}

Quota::Take Quota::TakeHere(SteadyNanos now) {
  const int64_t interval = interval_.load(std::memory_order_relaxed);
  const int64_t room = interval * burst_.load(std::memory_order_relaxed);
  SteadyNanos full_at = full_at_.load();
  while (true) {
    const SteadyNanos next = std::max(full_at, now) + interval;
    if (next - now > room) return {Answer::kRefused, absl::Nanoseconds(next - now - room)};
    if (full_at_.compare_exchange_weak(full_at, next)) return {Answer::kTaken, {}};
  }
}

Quota::Take Quota::TakeOne(SteadyNanos now) {
  if (!leased_.load()) return TakeHere(now);
  int64_t credit = credit_.load();
  while (credit > 0) {
    if (!credit_.compare_exchange_weak(credit, credit - 1)) continue;
    if (credit - 1 <= Chunk() / 2) Want();
    return {Answer::kTaken, {}};
  }
  const SteadyNanos nothing_until = nothing_until_.load();
  if (now < nothing_until) return {Answer::kRefused, absl::Nanoseconds(nothing_until - now)};
  asked_.fetch_add(1);
  Want();
  return {Answer::kAsked, {}};
}

void Quota::Lease(int64_t tokens, SteadyNanos nothing_until) {
  asked_.store(0);
  nothing_until_.store(nothing_until);
  credit_.fetch_add(tokens);
  leased_.store(true);
}

void Quota::CountAlone() {
  leased_.store(false);
  asked_.store(0);
  credit_.store(0);
}

QuotaTable::QuotaTable(std::unique_ptr<redis::Client> client, metrics::Registry* metrics)
    : client_(std::move(client)),
      alone_(metrics->GetGauge("gateway_quotas_alone",
                               "1 while Redis should share the quotas and cannot be reached.")) {}

void QuotaTable::Start(std::function<void()> on_trip) {
  on_trip_ = std::move(on_trip);
  if (client_ != nullptr) thread_ = std::thread([this] { Run(); });
}

QuotaTable::~QuotaTable() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<Quota> QuotaTable::Find(const std::string& agreement,
                                        const lgsp::registry::v1::Quota& terms) {
  absl::MutexLock lock(&mutex_);
  auto& quota = quotas_[agreement];
  if (quota == nullptr) quota = std::make_shared<Quota>([this] { Wake(); });
  quota->SetTerms(terms);
  wanted_ = true;
  return quota;
}

void QuotaTable::Wake() {
  if (client_ == nullptr) return;
  absl::MutexLock lock(&mutex_);
  wanted_ = true;
}

void QuotaTable::Run() {
  bool reached = true;
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      const auto due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return wanted_ || stop_; };
      // While Redis is away calls are counted here, and nobody asks.
      mutex_.AwaitWithTimeout(absl::Condition(&due), kQuotaProbe);
      if (stop_) return;
      wanted_ = false;
    }
    const bool now_reached = Trip();
    alone_.Set(now_reached ? 0 : 1);
    if (now_reached && !reached) log::Info("quotas are shared with the other gateways again");
    if (!now_reached && reached) {
      log::Warning("redis cannot be reached: quotas are counted by this gateway alone");
    }
    reached = now_reached;
    on_trip_();
    absl::SleepFor(kQuotaTripSpacing);
  }
}

bool QuotaTable::Trip() {
  std::vector<std::string> keys, arguments;
  std::vector<std::shared_ptr<Quota>> quotas;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [agreement, quota] : quotas_) {
      // Who has never leased is asked for too: the first trip finds out whether Redis is there.
      quota->TakeWanted();
      const int64_t want = quota->Wanted();
      if (want <= 0) continue;
      if (quotas.size() == kMaxQuotasPerTrip) {
        wanted_ = true;  // the rest next time
        break;
      }
      const Quota::Terms terms = quota->terms();
      keys.push_back(absl::StrCat(kKeyPrefix, agreement));
      arguments.insert(arguments.end(), {absl::StrCat(terms.per_second), absl::StrCat(terms.burst),
                                         absl::StrCat(want)});
      quotas.push_back(quota);
    }
  }
  const auto given = client_->Eval(kLeaseScript, keys, arguments);
  const SteadyNanos now = Now();
  const bool good = given.ok() && given->size() == 2 * quotas.size();
  for (size_t i = 0; i < quotas.size(); ++i) {
    if (!good) {
      quotas[i]->CountAlone();
      continue;
    }
    quotas[i]->Lease((*given)[2 * i], now + (*given)[2 * i + 1] * 1000);
  }
  return good;
}

}  // namespace lgsp::gateway
