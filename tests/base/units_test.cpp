#include "base/units.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace std::chrono_literals;

TEST_CASE("durations are read with their unit") {
  CHECK(*parse_duration("8ms") == 8ms);
  CHECK(*parse_duration("1.5s") == 1500ms);
  CHECK(*parse_duration("0.25us") == 250ns);
  CHECK(*parse_duration("2m") == 2min);
  CHECK(*parse_duration("3h") == 3h);
  CHECK(*parse_duration("17ns") == 17ns);
  CHECK(*parse_duration("0s") == 0ns);
  CHECK(*parse_duration("8760h") == 8760h);
}

TEST_CASE("sizes are read with their unit, of 1024 or of 1000 as written") {
  CHECK(*parse_bytes("64KiB") == 65536);
  CHECK(*parse_bytes("1.5MiB") == 1572864);
  CHECK(*parse_bytes("2GiB") == 2147483648ULL);
  CHECK(*parse_bytes("64kB") == 64000);
  CHECK(*parse_bytes("3MB") == 3000000);
  CHECK(*parse_bytes("1GB") == 1000000000ULL);
  CHECK(*parse_bytes("0B") == 0);
  // 1.001 * 1000 is a hair below 1001 as a double.
  CHECK(*parse_bytes("1.001kB") == 1001);
}

TEST_CASE("nothing is guessed: what is not a number with a known unit is refused") {
  const std::vector<std::string> garbage = {
      "",     " ",          "8",      "ms",      "8 ms",       " 8ms",
      "8ms ", "8 furlongs", "-8ms",   "+8ms",    "8MS",        "8Ms",
      "8sec", "1e3ms",      "0x10ms", "infs",    "nans",       "inf",
      "nan",  "1,5s",       "1.5.2s", ".s",      "..ms",       "8ms\n",
      "8m s", "ms8",        "--1ms",  "1_000ms", "8\xc2\xb5s", std::string("8ms\0", 4)};
  for (const auto& text : garbage) {
    INFO(text);
    const auto duration = parse_duration(text);
    REQUIRE_FALSE(duration);
    CHECK(duration.error().code == ErrorCode::invalid_argument);
    CHECK(duration.error().next_step.find("8ms") != std::string::npos);
    CHECK_FALSE(parse_bytes(text));
  }
  CHECK_FALSE(parse_bytes("8ms"));
  CHECK_FALSE(parse_bytes("8K"));
  CHECK_FALSE(parse_bytes("8kiB"));
  CHECK_FALSE(parse_bytes("8b"));
  CHECK_FALSE(parse_duration("8B"));
  CHECK(parse_bytes("1.5 GB").error().what == "'1.5 GB' is not a size with a unit");
}

TEST_CASE("values over the limit are refused, however they are written") {
  CHECK_FALSE(parse_duration("8761h"));
  CHECK_FALSE(parse_duration("8760.1h"));
  CHECK_FALSE(parse_duration("31536000000000001ns"));
  CHECK_FALSE(parse_duration("18446744073709551615h"));  // overflows in the multiplication
  CHECK_FALSE(parse_duration("18446744073709551616ns"));
  CHECK_FALSE(parse_duration(std::string(400, '9') + "s"));
  CHECK_FALSE(parse_duration(std::string(400, '9') + ".5s"));
  CHECK_FALSE(parse_bytes("9000000001GB"));
  CHECK_FALSE(parse_bytes("18446744073709551615GiB"));
  CHECK(*parse_bytes("9000000000GB") == 9'000'000'000'000'000'000ULL);
}

TEST_CASE("a unit is chosen that says the value exactly and shortly") {
  CHECK(format_duration(8ms) == "8ms");
  CHECK(format_duration(1500us) == "1500us");
  CHECK(format_duration(90s) == "90s");
  CHECK(format_duration(120s) == "2m");
  CHECK(format_duration(7200s) == "2h");
  CHECK(format_duration(1ns) == "1ns");
  CHECK(format_duration(0ns) == "0s");
  CHECK(format_duration(-8ms) == "-8ms");
  CHECK(format_bytes(0) == "0B");
  CHECK(format_bytes(65536) == "64KiB");
  CHECK(format_bytes(64000) == "64kB");
  CHECK(format_bytes(1) == "1B");
  CHECK(format_bytes(std::uint64_t{1} << 63) == "8589934592GiB");
  CHECK(format_bytes(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615B");
}

TEST_CASE("whatever is formatted reads back as the same value") {
  Random random(7);
  for (int i = 0; i < 20000; ++i) {
    // Every magnitude, and values that no double can hold.
    const std::uint64_t value = random.next() >> random.between(9, 63);
    const Duration duration{static_cast<Duration::rep>(value % 31'536'000'000'000'000ULL)};
    INFO(value);
    REQUIRE(parse_duration(format_duration(duration)));
    CHECK(*parse_duration(format_duration(duration)) == duration);
    REQUIRE(parse_bytes(format_bytes(value)));
    CHECK(*parse_bytes(format_bytes(value)) == value);
  }
}

TEST_CASE("no text brings the parsers down") {
  Random random(11);
  using namespace std::string_view_literals;
  const auto alphabet = "0123456789.-+eEnxinfmsuhkKMGiB \0\n\xff"sv;
  int read = 0;
  for (int i = 0; i < 50000; ++i) {
    std::string text;
    for (auto left = random.below(10); left > 0; --left)
      text += alphabet[random.below(alphabet.size())];
    if (const auto duration = parse_duration(text)) {
      ++read;
      CHECK(*duration >= 0ns);
    }
    if (const auto bytes = parse_bytes(text)) CHECK(*bytes <= 9'000'000'000'000'000'000ULL);
  }
  CHECK(read > 0);  // else the alphabet tests nothing
}

TEST_CASE("people get three digits and the unit that suits them") {
  CHECK(human_duration(1530us) == "1.53 ms");
  CHECK(human_duration(842us) == "842 us");
  CHECK(human_duration(12s) == "12.0 s");
  CHECK(human_duration(12340us) == "12.3 ms");
  CHECK(human_duration(2h) == "7200 s");
  CHECK(human_duration(999ns) == "999 ns");
  CHECK(human_duration(-1530us) == "-1.53 ms");
  CHECK(human_duration(0ns) == "0.00 ns");
}

TEST_CASE("rounding carries into the next digit or unit") {
  CHECK(human_duration(999'600ns) == "1.00 ms");
  CHECK(human_duration(999'400ns) == "999 us");
  CHECK(human_duration(9'996us) == "10.0 ms");
  CHECK(human_duration(99'960us) == "100 ms");
  CHECK(human_duration(999'999'999ns) == "1.00 s");
}
