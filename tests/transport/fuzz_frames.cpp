#include "tests/transport/fuzz_frames.hpp"

#include <algorithm>

#include "transport/bytes.hpp"

namespace troupe::transport::testing {

std::vector<std::string> split_frames(std::string_view input) {
  std::vector<std::string> frames;
  Reader in(input);
  while (in.left() >= sizeof(std::uint32_t)) {
    const std::size_t size = in.number<std::uint32_t>();
    frames.emplace_back(in.bytes(std::min(size, in.left())));
  }
  return frames;
}

std::string join_frames(const std::vector<std::string>& frames) {
  std::string joined;
  Writer out(joined);
  for (const auto& frame : frames) out.text32(frame);
  return joined;
}

}  // namespace troupe::transport::testing
