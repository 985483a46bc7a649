// A keyed hash for tables whose keys are chosen by clients, shared by the boxes that have such
// tables. Pure; any thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace config {

// SipHash-2-4 (Aumasson and Bernstein, 2012): who picks a key cannot aim at the place of
// another one without knowing the seed.
class SipHash {
 public:
  SipHash(std::uint64_t k0, std::uint64_t k1)
      : v0_{k0 ^ 0x736f6d6570736575ULL},
        v1_{k1 ^ 0x646f72616e646f6dULL},
        v2_{k0 ^ 0x6c7967656e657261ULL},
        v3_{k1 ^ 0x7465646279746573ULL} {}

  void word(std::uint64_t m) {
    v3_ ^= m;
    round();
    round();
    v0_ ^= m;
  }
  std::uint64_t finish() {
    v2_ ^= 0xff;
    for (int i = 0; i < 4; ++i) round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  void round() {
    v0_ += v1_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v3_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }
  std::uint64_t v0_, v1_, v2_, v3_;
};

inline std::uint64_t hash_text(std::uint64_t k0, std::uint64_t k1, std::string_view text) {
  SipHash hash{k0, k1};
  std::uint64_t word = 0;
  std::size_t filled = 0;
  for (const char c : text) {
    word |= std::uint64_t{static_cast<unsigned char>(c)} << (8 * filled);
    if (++filled == 8) {
      hash.word(word);
      word = 0;
      filled = 0;
    }
  }
  hash.word(word | (std::uint64_t{text.size() & 0xff} << 56));
  return hash.finish();
}

}  // namespace config
