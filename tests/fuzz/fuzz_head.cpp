// The hand-written parser of heads against Beast's: the same verdict and the same fields, but for
// the differences that tests/support/head_comparison.hpp lists. The first byte chooses the
// direction.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/support/head_comparison.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input{reinterpret_cast<const char*>(data) + 1, size - 1};
  const std::string wrong = data[0] % 2 == 0
                                ? test_support::compare_heads<proxy::RequestHead>(input)
                                : test_support::compare_heads<proxy::ResponseHead>(input);
  if (!wrong.empty()) {
    std::fprintf(stderr, "%s\n", wrong.c_str());
    std::abort();
  }
  return 0;
}
