// One call: the stream of the system on one side, the stream to the service on the other.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "libs/keys/digest.h"
#include "services/gateway/body.h"
#include "services/gateway/caller_cache.h"
#include "services/gateway/connection.h"
#include "services/gateway/evidence.h"
#include "services/gateway/local_call.h"
#include "services/gateway/pipeline.h"
#include "services/gateway/rest_call.h"

namespace lgsp::gateway {

class Downstream;
class Upstream;

// Owned by its Downstream; lives until the system's stream is closed. On its worker's thread.
class Exchange {
 public:
  Exchange(Worker* worker, Downstream* downstream, int32_t stream_id);
  ~Exchange();

  // The system's side.
  void AddHeader(absl::string_view name, absl::string_view value);
  // A header block is complete: the head, or, later, trailers, which mean nothing to us.
  void OnRequestHead(bool end_stream);
  void OnRequestData(absl::string_view data);
  void OnRequestEnd();
  ssize_t ReadResponse(uint8_t* buffer, size_t size, uint32_t* flags);
  // Once a second.
  void Sweep(SteadyTime now);
  // The answer's last frame has left; `request_open`: the system still sends.
  void OnResponseSent();

  // The service's side.
  void OnUpstreamStarted(Upstream* upstream, int32_t stream_id);
  bool AddResponseHeader(absl::string_view name, absl::string_view value);
  void OnResponseHead(bool end_stream);
  void OnResponseData(absl::string_view data);
  void OnResponseEnd();
  // `not_taken`: the service has certainly not begun the call.
  void OnUpstreamClosed(uint32_t error_code, bool not_taken);
  // The connection that the call waited for did not come about.
  void OnConnectFailed();
  // What the quota has left is known now.
  void OnQuota();
  // The intent is in the log's file, or could not be written: then the call is refused.
  void OnIntentWritten(const absl::Status& written);
  // The outcome is durable: the end of the answer may leave. Or it never will be.
  void OnOutcomeDurable(const absl::Status& durable);
  ssize_t ReadRequest(uint8_t* buffer, size_t size, uint32_t* flags);

  // Ends the call with an error of our own: in the answer's trailers, or by a reset when the answer
  // cannot take them.
  void Fail(const absl::Status& status);
  void OnDeadline();
  // Another policy is in force: a call that it does not allow ends.
  void OnPolicy(const Policy& policy);

  const Decision& decision() const { return decision_; }
  const std::shared_ptr<const KnownCaller>& caller() const { return caller_; }
  // Header fields for the service at `address`, made when the stream to it is opened.
  Headers UpstreamHead(absl::string_view address);
  bool request_ended_at_once() const {
    return request_.ended && request_.empty() && !request_taken_;
  }
  SteadyTime begun() const { return begun_; }

 private:
  // How the caller speaks: what is neither of the first two is refused.
  enum class Protocol { kGrpc, kRest, kHttp };

  void Begin();
  void BeginRest();
  absl::StatusOr<Decision> DecideBy(const Policy& policy, const Identity& identity,
                                    absl::Time now) const;
  // What only the gateway can say of a REST call, once it is allowed.
  void PrepareRest();
  Headers RestUpstreamHead(absl::string_view address) const;
  Headers RestAnswerHead(const Headers& fields, bool end_stream);
  // What names the call in the log.
  std::string EvidencePath() const;
  void BeginLocally(const SystemEntry* system);
  void BeginRelay(Decision decision);
  // Takes one call of the agreement's quota, or waits for that, then Go.
  void TakeQuota();
  void Go();
  void RefuseHttp(bool grpc);
  void LeaveUpstream();
  // The head is of no more use: a refused call must not keep it until its answer has left.
  void DropHead();
  void AnswerLocally();
  void OnLocalEnd();
  void SubmitResponse(bool end_stream);
  // The answer is, or ends as far as it can be told, with an error of ours.
  void SetError(const absl::Status& status);
  // Of response_, what may leave now: the last byte that a `content-length` announces is the end.
  size_t Sendable() const;
  // The answer is complete but for what waits, and trailers_.
  void EndResponse();
  void AddIntent();
  void AddOutcome(lgsp::evidence::v1::Outcome::End end, int grpc_code, absl::string_view reason);
  // The call has ended so: its answer is ready, and waits until that is durable.
  void Conclude(lgsp::evidence::v1::Outcome::End end, int grpc_code, absl::string_view reason);
  void Release();
  void LeaveEvidence();
  // A refusal is recorded while there is room for it, on the disk and here.
  bool MayRecordRefusal();
  // Count the call, once each.
  void Started(RouteMetrics* metrics);
  void Finish(int grpc_code);
  void SetDeadline(absl::Duration timeout);
  absl::Duration TimeLeft() const;
  void CountBuffered(int64_t change);

  Worker* const worker_;
  Downstream* const downstream_;
  const int32_t stream_id_;
  const SteadyTime begun_;
  // When a call that lasts was last noted as evidence.
  SteadyTime noted_;
  const std::string exchange_id_;

  RequestHead head_;
  Protocol protocol_ = Protocol::kGrpc;
  std::unique_ptr<RestCall> rest_;
  std::string accept_;
  int http_status_ = 0;
  size_t header_bytes_ = 0;
  bool headers_too_large_ = false, head_done_ = false;
  Decision decision_;
  RouteMetrics* metrics_ = nullptr;
  std::unique_ptr<LocalCall> local_;
  std::shared_ptr<const Policy> policy_;
  const SystemEntry* system_ = nullptr;  // of policy_
  TokenCache::Token token_;
  std::shared_ptr<const KnownCaller> caller_;

  Upstream* upstream_ = nullptr;
  int32_t upstream_id_ = 0;
  bool waiting_for_quota_ = false, waiting_for_upstream_ = false, retried_ = false,
       request_taken_ = false;
  PrefixScanner scanner_;
  Body request_, response_;
  Headers answer_head_, trailers_, incoming_;
  size_t incoming_bytes_ = 0;
  bool answered_ = false, finished_ = false, relaying_ = false;
  // What of one direction has crossed the system's connection.
  struct Digest {
    void Add(absl::string_view data) {
      hash.Update(data);
      bytes += static_cast<int64_t>(data.size());
    }
    keys::Sha256Stream hash;
    int64_t bytes = 0;
  };
  Digest request_digest_, response_digest_;
  std::shared_ptr<EvidenceTicket> ticket_;
  // `recorded_`: evidence is kept of it; `forwarded_`: the service may have begun it; `concluded_`:
  // its outcome is with the log; `released_`: nothing of its end waits for the log any more.
  bool recorded_ = false, forwarded_ = false, concluded_ = false, released_ = false;
  // The last frame of the answer is with the connection; the answer cannot be completed.
  bool end_submitted_ = false, broken_off_ = false;
  std::multimap<SteadyTime, Exchange*>::iterator deadline_;
  bool has_deadline_ = false;
};

}  // namespace lgsp::gateway
