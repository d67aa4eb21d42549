// A small policy for tests: two services, two systems, one agreement.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "lgsp/registry/v1/policy.pb.h"
#include "libs/keys/jws.h"

namespace lgsp::gateway {

inline constexpr char kEcho[] = "test.v1.Echo";
inline constexpr char kUnary[] = "/test.v1.Echo/Unary";
inline constexpr char kChat[] = "/test.v1.Echo/Chat";
inline constexpr char kEchoIdentity[] = "spiffe://lgsp.camau/service/echo";
inline constexpr char kAlpha[] = "systems/alpha";
inline constexpr char kBeta[] = "systems/beta";

// Services `test.v1.Echo` (Unary, Chat) and `test.v1.Other` (Call), both at `address`; systems
// alpha (participants/A, agencies H12.15 and H12.50.*; key `alpha_key`) and beta (key `beta`); the
// agreement `agreements/alpha-echo` lets alpha call all of Echo. Version 1.1. With the descriptors
// of both services and of health.
lgsp::registry::v1::PolicySnapshot MakeSnapshot(absl::string_view address = "203.0.113.7:9000",
                                                absl::string_view alpha_key = "alpha");

// The bytes of a SignedSnapshot.
std::string Sign(const lgsp::registry::v1::PolicySnapshot& snapshot, const keys::SigningKey& key);

}  // namespace lgsp::gateway
