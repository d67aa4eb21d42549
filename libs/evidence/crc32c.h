// CRC32C (Castagnoli), which finds every torn or flipped piece of a journal frame. By tables, eight
// bytes at a time: faster than a disk on every processor.
#pragma once

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace lgsp::evidence {

using CrcTables = std::array<std::array<uint32_t, 256>, 8>;

constexpr CrcTables MakeCrcTables() {
  CrcTables tables = {};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
    tables[0][i] = crc;
  }
  for (size_t slice = 1; slice < 8; ++slice) {
    for (size_t i = 0; i < 256; ++i) {
      const uint32_t before = tables[slice - 1][i];
      tables[slice][i] = before >> 8 ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}

inline constexpr CrcTables kCrcTables = MakeCrcTables();

inline uint32_t Crc32c(absl::string_view data) {
  const auto* p = reinterpret_cast<const uint8_t*>(data.data());
  const uint8_t* const end = p + data.size();
  uint32_t crc = 0xFFFFFFFF;
  for (; end - p >= 8; p += 8) {
    const uint32_t low =
        crc ^ (uint32_t{p[0]} | uint32_t{p[1]} << 8 | uint32_t{p[2]} << 16 | uint32_t{p[3]} << 24);
    crc = kCrcTables[7][low & 0xFF] ^ kCrcTables[6][low >> 8 & 0xFF] ^
          kCrcTables[5][low >> 16 & 0xFF] ^ kCrcTables[4][low >> 24] ^ kCrcTables[3][p[4]] ^
          kCrcTables[2][p[5]] ^ kCrcTables[1][p[6]] ^ kCrcTables[0][p[7]];
  }
  for (; p < end; ++p) crc = crc >> 8 ^ kCrcTables[0][(crc ^ *p) & 0xFF];
  return ~crc;
}

}  // namespace lgsp::evidence
