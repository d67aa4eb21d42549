// PURE: the client half of the X-Road message protocol for REST: what a call to `/r1/...` says, and
// how it is forwarded and answered. Where the protocol's text and its code differ: README.md.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/gateway/headers.h"

namespace lgsp::gateway {

inline constexpr char kRestPrefix[] = "/r1/";
// Of `r1/`, with which the name of a REST service begins.
inline constexpr size_t kRestPrefixSize = 3;

// `/r1/{instance}/{memberClass}/{memberCode}/{subsystem}/{serviceCode}[/path][?query]`.
struct RestTarget {
  std::string service;                // `r1/VN/GOV/CAMAU/LAND/parcels`
  std::vector<std::string> segments;  // of the rest of the path, decoded
  std::string rest;                   // it and the query, as they came
};
// INVALID_ARGUMENT PATH_INVALID, as SplitPath; fewer than five identifiers; a query with what no
// URI has.
absl::StatusOr<RestTarget> ParseRestTarget(absl::string_view raw);

// What of a service an agreement allows: `GET /v1/parcels/*`.
struct Endpoint {
  std::string text;
  std::string method;  // `*`: every one
  std::vector<std::string> segments;
};
// INVALID_ARGUMENT ENDPOINT_INVALID.
absl::StatusOr<Endpoint> ParseEndpointPattern(absl::string_view text);
bool Matches(const Endpoint& endpoint, absl::string_view method,
             const std::vector<std::string>& segments);

// The methods of the protocol, and those whose requests have no body.
bool IsRestMethod(absl::string_view method);
bool IsBodyless(absl::string_view method);

// What of a request goes on to the service; and what of its answer goes back: neither what is about
// one connection only, nor what is ours to say.
bool IsForwarded(absl::string_view name);
bool IsReturned(absl::string_view name);

// The last of repeated fields counts.
absl::string_view LastFieldOf(const Headers& fields, absl::string_view name);
// OK when the request's X-Road-Client is `client`: INVALID_ARGUMENT CLIENT_INVALID,
// PERMISSION_DENIED CLIENT_NOT_ALLOWED (`client` is empty, or the request names another).
absl::Status CheckClient(const Headers& fields, absl::string_view client);

// The bytes that `x-road-request-hash` covers before the body: method, path, the fields in their
// order without those of one connection, and the ids that were added.
std::string HashedHead(absl::string_view method, absl::string_view path, const Headers& fields,
                       const Headers& added);
// base64(SHA512(SHA512(head) SHA512(body))); `body_sha512` is empty without a body.
std::string RequestHash(absl::string_view head_sha512, absl::string_view body_sha512);

struct HttpAnswer {
  Headers head;
  std::string body;
};
// An error of ours: the status and, as `Accept` wants it, JSON or XML.
HttpAnswer RestError(const absl::Status& status, absl::string_view exchange_id,
                     absl::string_view accept);
// To what is neither gRPC nor REST: a google.rpc.Status as JSON.
HttpAnswer HttpError(const absl::Status& status);

// What an HTTP status is in gRPC (google.rpc.Code), for counting.
int GrpcCodeOf(int http_status);

}  // namespace lgsp::gateway
