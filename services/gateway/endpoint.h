// Addresses as configuration and policy have them.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lgsp::gateway {

// `127.0.0.1:8443`, `[::1]:8443`. INVALID_ARGUMENT ADDRESS_INVALID: names are not resolved here.
absl::StatusOr<boost::asio::ip::tcp::endpoint> ParseEndpoint(absl::string_view address);

}  // namespace lgsp::gateway
