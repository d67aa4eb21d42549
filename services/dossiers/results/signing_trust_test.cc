#include "services/dossiers/results/signing_trust.h"

#include <catch2/catch.hpp>

#include "libs/keys/cms_material_test.h"
#include "libs/status/status.h"
#include "libs/testing/files.h"
#include "services/dossiers/limits.h"

namespace lgsp::dossiers {
namespace {

// An authority whose lists a network in between can exchange.
struct Network {
  Network() { folder.Write("root.pem", root.Pem()); }

  std::string List(long number, absl::Duration age) const {
    keys::CrlOptions options;
    options.number = number;
    options.this_update = now - age;
    return keys::MakeCrl(root, options);
  }
  // The lists of the trust once they have to be fetched again.
  std::vector<std::string> Next() {
    clock.Advance(kRevocationListLifetime + absl::Seconds(1));
    const auto got = trust.Get(absl::Now() + absl::Minutes(1));
    INFO(got.status());
    REQUIRE(got.ok());
    return got->Crls();
  }

  const absl::Time now = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
  testing::TemporaryFolder folder;
  keys::Certified root = keys::MakeCertificate(keys::AuthorityOptions("root"));
  FakeClock clock{now};
  absl::StatusOr<std::vector<std::string>> fetched = std::vector<std::string>();
  SigningTrust trust{
      {{folder.path() + "/root.pem"}, {}, {}}, [this](absl::Time) { return fetched; }, &clock};
};

TEST_CASE("signing trust: a list that was seen is not forgotten for an older one, or for none") {
  Network network;
  const std::string older = network.List(1, absl::Minutes(50));
  const std::string newer = network.List(2, absl::Minutes(40));
  using Lists = std::vector<std::string>;

  network.fetched = Lists{newer};
  CHECK(network.Next() == Lists{newer});
  network.fetched = Lists{older};
  CHECK(network.Next() == Lists{newer});
  network.fetched = Lists{};
  CHECK(network.Next() == Lists{newer});
  network.fetched = Lists{"no list"};
  CHECK(network.Next() == Lists{newer});
  network.fetched = MakeError(absl::StatusCode::kUnavailable, "SIGNING_UNAVAILABLE", "away");
  CHECK(network.Next() == Lists{newer});
  const std::string newest = network.List(3, absl::Minutes(30));
  network.fetched = Lists{"no list", newest};
  CHECK(network.Next() == Lists{newest});
  // Between fetches nothing is asked.
  network.fetched = Lists{network.List(4, absl::Minutes(20))};
  CHECK(network.trust.Get(absl::Now())->Crls() == Lists{newest});
}

}  // namespace
}  // namespace lgsp::dossiers
