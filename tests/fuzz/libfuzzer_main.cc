// The entry of one libFuzzer program; LGSP_FUZZ_TARGET is the name of its target.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/targets.h"

// The name and the form are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto run = [] {
    for (const lgsp::fuzz::Target& target : lgsp::fuzz::Targets()) {
      if (target.name == LGSP_FUZZ_TARGET) return target.run;
    }
    abort();
  }();
  run(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
