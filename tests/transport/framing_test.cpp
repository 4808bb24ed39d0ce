#include "transport/framing.hpp"

#include <algorithm>
#include <vector>

#include "base/limits.hpp"
#include "base/random.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::transport;

namespace {

std::string random_bytes(Random& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random.below(256));
  return bytes;
}

std::vector<std::string> read(std::string_view frame) {
  auto reader = SharedFrameReader::open(frame);
  REQUIRE(reader);
  std::vector<std::string> messages;
  while (const auto one = reader->next()) messages.emplace_back(*one);
  return messages;
}

bool is_malformed(const Result<std::optional<std::string>>& added) {
  return !added && added.error().code == ErrorCode::malformed && !added.error().what.empty();
}

// The numbers of a part, then its bytes: what write_part() never writes too.
std::string part(std::uint32_t total, std::uint32_t at, std::string_view bytes) {
  std::string frame = "TRPP";
  for (const std::uint32_t number : {total, at})
    for (int shift = 0; shift < 32; shift += 8) frame += static_cast<char>(number >> shift);
  return frame.append(bytes);
}

}  // namespace

TEST_CASE("messages that share a frame come out of it as they went in") {
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    SharedFrame frame;
    std::vector<std::string> messages;
    for (;;) {
      auto message = random_bytes(random, random.below(1500));
      if (!frame.add(message)) break;
      messages.push_back(std::move(message));
    }
    REQUIRE(frame.messages() == messages.size());
    const std::string bytes = std::move(frame).take();
    CHECK(is_shared_frame(bytes));
    CHECK_FALSE(is_part(bytes));
    CHECK(bytes.size() <= shared_frame_bytes);
    CHECK(read(bytes) == messages);
  }
}

TEST_CASE("a large message has a frame to itself") {
  SharedFrame frame;
  CHECK_FALSE(frame.add(std::string(shared_message_bytes_max + 1, 'x')));
  CHECK(frame.messages() == 0);
  CHECK(frame.add(std::string(shared_message_bytes_max, 'x')));
}

TEST_CASE("a shared frame that is cut short, empty or too long is refused") {
  SharedFrame frame;
  frame.add("one");
  frame.add("another");
  const std::string bytes = std::move(frame).take();
  for (std::size_t size = 4; size < bytes.size(); ++size) {
    const bool between_messages = size == 4 + 4 + 3;
    CHECK(SharedFrameReader::open(bytes.substr(0, size)).has_value() == between_messages);
  }
  std::string long_one = "TRPS";
  while (long_one.size() <= shared_frame_bytes_max) long_one.append(4, '\0');
  CHECK_FALSE(SharedFrameReader::open(long_one));
}

TEST_CASE("a message in parts is put together again, of any length") {
  Random random(2);
  Reassembly parts;
  constexpr std::size_t part_bytes = 10'000;
  for (const std::size_t size : {std::size_t{1}, part_bytes - 1, part_bytes, part_bytes + 1,
                                 3 * part_bytes + 17, limits::frame_bytes_max}) {
    const auto message = random_bytes(random, size);
    for (std::size_t at = 0; at < size; at += part_bytes) {
      const auto frame = write_part(message, at, part_bytes);
      CHECK(is_part(frame));
      CHECK(frame.size() <= part_bytes + 12);
      const auto added = parts.add(frame);
      REQUIRE(added);
      if (at + part_bytes < size)
        REQUIRE_FALSE(added->has_value());
      else
        REQUIRE(*added == message);
    }
  }
}

TEST_CASE("parts that do not fit together are refused, and the next message is read all the same") {
  for (const auto& wrong :
       {part(10, 4, "x"), part(11, 5, "x"), part(10, 6, "x"), part(10, 0, "x"), part(10, 5, ""),
        part(10, 5, "123456"), part(limits::frame_bytes_max + 1, 0, "x"), part(0, 0, "x"),
        part(0xffffffff, 5, "x"), part(10, 0xffffffff, "x"), std::string("TRPP"),
        std::string("TRPP12345")}) {
    Reassembly parts;
    const auto begun = parts.add(part(10, 0, "12345"));
    REQUIRE(begun);
    REQUIRE_FALSE(begun->has_value());
    CHECK(is_malformed(parts.add(wrong)));
    CHECK(is_malformed(parts.add(part(10, 5, "67890"))));  // what came before is forgotten
    const auto whole = parts.add(part(2, 0, "ok"));
    REQUIRE(whole);
    CHECK(*whole == "ok");
  }
}
