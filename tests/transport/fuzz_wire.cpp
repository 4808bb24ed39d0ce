// The decoder, and the framing around it, under arbitrary bytes. fuzz_test.cpp drives this entry
// point with tens of thousands of seeded cases; to let a fuzzer loose on it:
//
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -I. -o fuzz_wire
//     tests/transport/fuzz_wire.cpp tests/transport/fuzz_frames.cpp
//     transport/{check,decode,encode,framing,header}.cpp
//     base/{agent_id,assert,error,id,tensor,trace}.cpp
//
// What must hold: the decoder returns; and what it accepts the encoder writes, in a form that means
// the same and that stays the same from then on. Frames that are parts or shared are opened, one
// after the other as along a connection: what comes out is within the limits and goes to the
// decoder, too.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "base/limits.hpp"
#include "tests/transport/fuzz_frames.hpp"
#include "tests/transport/same.hpp"
#include "transport/framing.hpp"
#include "transport/wire.hpp"

namespace {

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "fuzz_wire: %s\n", what);
  std::abort();
}

void try_message(std::span<const std::string_view> frames) {
  using namespace troupe::transport;
  const auto message = decode(frames);
  if (!message) {
    require(!message.error().what.empty(), "a refusal says why");
    return;
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
}

void try_framing(const std::vector<std::string>& frames) {
  using namespace troupe::transport;
  Reassembly parts;
  for (const std::string_view frame : frames) {
    if (is_part(frame)) {
      const auto whole = parts.add(frame);
      require(whole || !whole.error().what.empty(), "a refused part says why");
      if (!whole || !*whole) continue;
      require((*whole)->size() <= troupe::limits::frame_bytes_max, "no message outgrows a frame");
      const std::string_view view = **whole;
      try_message({&view, 1});
    } else if (is_shared_frame(frame)) {
      auto shared = SharedFrameReader::open(frame);
      require(shared || !shared.error().what.empty(), "a refused frame says why");
      if (!shared) continue;
      std::size_t bytes = 4;
      while (const auto one = shared->next()) {
        bytes += 4 + one->size();
        try_message({&*one, 1});
      }
      require(bytes == frame.size(), "a shared frame is read to its end");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto frames =
      troupe::transport::testing::split_frames({reinterpret_cast<const char*>(data), size});
  try_framing(frames);
  try_message(std::vector<std::string_view>(frames.begin(), frames.end()));
  return 0;
}
