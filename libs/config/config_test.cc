#include "libs/config/config.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "lgsp/registry/v1/catalog.pb.h"
#include "libs/status/status.h"

namespace lgsp::config {
namespace {

std::string Folder() {
  char name[] = "/tmp/config_test_XXXXXX";
  REQUIRE(mkdtemp(name) != nullptr);
  return name;
}

TEST_CASE("what is written is read again, with its mode") {
  const std::string path = Folder() + "/file";
  REQUIRE(WriteFile(path, std::string("a\0b", 3), 0600).ok());
  CHECK(*ReadFile(path) == std::string("a\0b", 3));
  struct stat info = {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK(ErrorReason(ReadFile(path + "x").status()) == "FILE_MISSING");
  CHECK(ErrorReason(WriteFile("/nonexistent/x", "y")) == "FILE_NOT_WRITTEN");
}

TEST_CASE("secrets must be private, not empty and not a default") {
  const std::string path = Folder() + "/secret";
  REQUIRE(WriteFile(path, "s3cr3t-value\n", 0644).ok());
  CHECK(ErrorReason(ReadSecret(path).status()) == "SECRET_EXPOSED");
  REQUIRE(WriteFile(path, "s3cr3t-value\n", 0600).ok());
  CHECK(*ReadSecret(path) == "s3cr3t-value");
  REQUIRE(WriteFile(path, "\n", 0600).ok());
  CHECK(ErrorReason(ReadSecret(path).status()) == "SECRET_EMPTY");
  REQUIRE(WriteFile(path, "ChangeMe\n", 0600).ok());
  CHECK(ErrorReason(ReadSecret(path).status()) == "SECRET_DEFAULT");
}

TEST_CASE("a textproto is loaded, and what is wrong in it is told with its place") {
  const std::string path = Folder() + "/catalog.textproto";
  registry::v1::Catalog catalog;
  REQUIRE(WriteFile(path, "participants { name: \"participants/A\" }\n").ok());
  REQUIRE(Load(path, &catalog).ok());
  CHECK(catalog.participants(0).name() == "participants/A");
  REQUIRE(WriteFile(path, "participants {\n  nmae: \"x\" }\n").ok());
  const absl::Status status = Load(path, &catalog);
  CHECK(ErrorReason(status) == "CONFIG_INVALID");
  CHECK(std::string(status.message()).find(path + ":2:") == 0);
}

TEST_CASE("paths") {
  CHECK(Resolve("/base", "a/b") == "/base/a/b");
  CHECK(Resolve("/base", "/a") == "/a");
  CHECK(FolderOf("a") == ".");
  CHECK(FolderOf("/a") == "/");
  CHECK(FolderOf("/a/b") == "/a");
}

}  // namespace
}  // namespace lgsp::config
