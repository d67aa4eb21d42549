#include "services/gateway/endpoint.h"

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "libs/status/status.h"

namespace lgsp::gateway {

absl::StatusOr<boost::asio::ip::tcp::endpoint> ParseEndpoint(absl::string_view address) {
  const size_t colon = address.rfind(':');
  absl::string_view host = address.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[") && !absl::ConsumeSuffix(&host, "]")) host = "";
  int port = -1;
  boost::system::error_code error;
  const auto ip = boost::asio::ip::make_address(std::string(host), error);
  if (error || colon == absl::string_view::npos ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 0 || port > 65535) {
    return MakeError(absl::StatusCode::kInvalidArgument, "ADDRESS_INVALID",
                     "an address must be <ip>:<port>", {{"address", address}});
  }
  return boost::asio::ip::tcp::endpoint(ip, static_cast<uint16_t>(port));
}

}  // namespace lgsp::gateway
