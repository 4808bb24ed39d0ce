// The decoder under arbitrary bytes. fuzz_test.cpp drives this entry point with tens of thousands
// of seeded cases; to let a fuzzer loose on it:
//
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -I. -o fuzz_wire
//     tests/transport/fuzz_wire.cpp tests/transport/fuzz_frames.cpp
//     transport/{check,decode,encode,header}.cpp base/{agent_id,assert,error,id,tensor}.cpp
//
// What must hold: the decoder returns; and what it accepts the encoder writes, in a form that means
// the same and that stays the same from then on.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/transport/fuzz_frames.hpp"
#include "tests/transport/same.hpp"
#include "transport/wire.hpp"

namespace {

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "fuzz_wire: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace troupe::transport;
  const auto frames = testing::split_frames({reinterpret_cast<const char*>(data), size});
  const std::vector<std::string_view> views(frames.begin(), frames.end());
  const auto message = decode(views);
  if (!message) {
    require(!message.error().what.empty(), "a refusal says why");
    return 0;
  }
  const auto again = encode(*message);
  require(again.has_value(), "what was decoded can be encoded");
  std::vector<std::string_view> bytes{again->head};
  if (!again->tensor.empty()) bytes.emplace_back(again->tensor);
  const auto back = decode(bytes);
  require(back.has_value(), "what was encoded can be decoded");
  require(testing::same(*message, *back), "it still means the same");
  const auto settled = encode(*back);
  require(settled && settled->head == again->head && settled->tensor == again->tensor,
          "and is written the same");
  return 0;
}
