// A smoke test in the place of a fuzzer: the entry point of fuzz_wire.cpp under seeded mutations of
// the golden messages. The same cases on every machine.
#include <algorithm>
#include <cstdint>

#include "base/random.hpp"
#include "tests/catch.hpp"
#include "tests/transport/fuzz_frames.hpp"
#include "tests/transport/goldens.hpp"
#include "transport/framing.hpp"

using namespace troupe;
using namespace troupe::transport::testing;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

// Whether the decoder accepted it. Aborts where the codec breaks a promise.
bool try_bytes(const Bytes& frames) {
  const std::string input = join_frames(frames);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  return decode_bytes(frames).has_value();
}

std::vector<Bytes> corpus() {
  std::vector<Bytes> all;
  for (const auto& [name, frames] : read_goldens()) all.push_back(frames);
  return all;
}

char random_byte(Random& random) {
  // Lengths and enumerations live near the ends of a byte's range.
  constexpr std::array<int, 8> telling = {0, 1, 2, 3, 0x7f, 0x80, 0xfe, 0xff};
  return static_cast<char>(random.chance(0.5) ? telling[random.below(telling.size())]
                                              : static_cast<int>(random.below(256)));
}

void mutate(Bytes& frames, const std::vector<Bytes>& others, Random& random) {
  std::string& frame = frames[random.below(frames.size())];
  if (frame.empty()) frame.push_back('T');
  // Half of the hits go to the header and the first fields, where structure is decided.
  const std::size_t span =
      random.chance(0.5) ? std::min<std::size_t>(frame.size(), 128) : frame.size();
  const std::size_t at = random.below(span);
  switch (random.below(6)) {
    case 0:
      frame[at] = random_byte(random);
      break;
    case 1:
      frame[at] = static_cast<char>(frame[at] ^ (1 << random.below(8)));
      break;
    case 2:
      frame.erase(at, 1 + random.below(8));
      break;
    case 3:
      frame.insert(at, 1 + random.below(8), random_byte(random));
      break;
    case 4: {  // splice: the front of one message, the back of another
      const std::string& other = others[random.below(others.size())][0];
      frame = frame.substr(0, at) + other.substr(std::min(at, other.size()));
      break;
    }
    case 5:
      if (random.chance(0.5) && frames.size() > 1)
        frames.pop_back();
      else
        frames.push_back(others[random.below(others.size())].back());
      break;
  }
}

}  // namespace

TEST_CASE("the decoder survives mutated messages", "[fuzz]") {
  const auto all = corpus();
  REQUIRE(all.size() > 15);
  Random random(1);
  int accepted = 0;
  constexpr int cases = 40'000;
  for (int i = 0; i < cases; ++i) {
    Bytes frames = all[random.below(all.size())];
    for (auto left = 1 + random.below(4); left > 0; --left) mutate(frames, all, random);
    if (try_bytes(frames)) ++accepted;
  }
  // A mutation within a text or a number is no damage; too few would mean that nothing but the
  // first check of the decoder was tried.
  CHECK(accepted > cases / 20);
  CHECK(accepted < cases * 19 / 20);
}

TEST_CASE("the decoder survives every single byte of every short message changed", "[fuzz]") {
  Random random(2);
  for (const Bytes& golden : corpus()) {
    for (std::size_t at = 0; at < std::min<std::size_t>(golden[0].size(), 400); ++at)
      for (const int value : {0, 1, 2, 0x7f, 0x80, 0xff, static_cast<int>(random.below(256))}) {
        Bytes frames = golden;
        frames[0][at] = static_cast<char>(value);
        try_bytes(frames);
      }
  }
}

TEST_CASE("the decoder survives random bytes, with and without a header in front", "[fuzz]") {
  Random random(3);
  const auto all = corpus();
  for (int i = 0; i < 20'000; ++i) {
    Bytes frames{std::string(random.below(300), '\0')};
    for (char& c : frames[0]) c = static_cast<char>(random.below(256));
    if (random.chance(0.7)) frames[0].insert(0, all[random.below(all.size())][0], 0, 88);
    try_bytes(frames);
  }
}

TEST_CASE("the framing survives mutated parts and shared frames, and whatever is in them",
          "[fuzz]") {
  Random random(4);
  const auto all = corpus();
  for (int i = 0; i < 20'000; ++i) {
    const std::string& message = all[random.below(all.size())][0];
    Bytes frames;
    if (random.chance(0.5)) {
      const std::size_t part = 1 + random.below(message.size());
      for (std::size_t at = 0; at < message.size() && frames.size() < 8; at += part)
        frames.push_back(troupe::transport::write_part(message, at, part));
    } else {
      troupe::transport::SharedFrame shared;
      while (shared.messages() < 1 + random.below(5) &&
             shared.add(all[random.below(all.size())][0])) {
      }
      frames.push_back(std::move(shared).take());
    }
    for (auto left = random.below(4); left > 0; --left) mutate(frames, all, random);
    try_bytes(frames);
  }
}
