// What an exchange keeps of a REST call beside what every call has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "libs/keys/digest.h"
#include "services/gateway/rest.h"

namespace lgsp::gateway {

struct RestCall {
  RestTarget target;
  // `x-road-id`, `x-road-client`, `x-road-request-id`.
  std::string id, client, request_id;
  std::string head_sha512;
  keys::Sha512Stream body;
  int64_t body_bytes = 0;
  // Of the answer: its bytes by `content-length` that its caller's connection has not been given.
  std::optional<uint64_t> left;
};

}  // namespace lgsp::gateway
