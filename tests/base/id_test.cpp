#include "base/id.hpp"

#include <algorithm>
#include <cctype>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "base/random.hpp"
#include "tests/catch.hpp"

using namespace troupe;

TEST_CASE("ids of different kinds do not mix") {
  STATIC_REQUIRE_FALSE(std::is_convertible_v<WorkerId, ModelId>);
  STATIC_REQUIRE_FALSE(std::is_assignable_v<WorkerId&, ModelId>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<std::uint64_t, BatchId>);
  CHECK(WorkerId{1} < WorkerId{2});
  CHECK(BatchId{3} == BatchId{3});
}

TEST_CASE("a task id is 32 hex digits, and reads back") {
  const TaskId id{0x0123456789abcdefULL, 0xfedcba9876543210ULL};
  CHECK(to_string(id) == "0123456789abcdeffedcba9876543210");
  CHECK(to_string(TaskId{0, 1}) == "00000000000000000000000000000001");
  Random random(3);
  for (int i = 0; i < 1000; ++i) {
    const TaskId drawn{random.next(), random.next()};
    REQUIRE(parse_task_id(to_string(drawn)));
    CHECK(*parse_task_id(to_string(drawn)) == drawn);
  }
}

TEST_CASE("upper-case digits are read, anything else is refused") {
  CHECK(parse_task_id("0123456789ABCDEFFEDCBA9876543210")->low == 0xfedcba9876543210ULL);
  const std::string good = "0123456789abcdeffedcba9876543210";
  const std::vector<std::string> garbage = {"",
                                            "0",
                                            good.substr(1),
                                            good + "0",
                                            "0x23456789abcdeffedcba9876543210aa",
                                            "-123456789abcdeffedcba9876543210",
                                            "0123456789abcdef-edcba9876543210",
                                            "0123456789abcdef fedcba987654321",
                                            "0123456789abcdefgedcba9876543210",
                                            std::string(32, '\0')};
  for (const auto& text : garbage) {
    INFO(text);
    const auto parsed = parse_task_id(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == ErrorCode::invalid_argument);
  }
}

TEST_CASE("the zero id means none") {
  CHECK(TaskId{}.is_none());
  CHECK_FALSE(TaskId{0, 1}.is_none());
  CHECK_FALSE(TaskId{1, 0}.is_none());
}

TEST_CASE("a source never hands out an id twice, nor the one that means none") {
  TaskIdSource source(0);  // even from the worst seed
  std::set<TaskId> seen;
  for (int i = 0; i < 10000; ++i) {
    const auto id = source.next();
    CHECK_FALSE(id.is_none());
    CHECK(seen.insert(id).second);
  }
  TaskIdSource other(42);
  CHECK(seen.count(other.next()) == 0);
}

TEST_CASE("hashes of the ids of one source spread over a table") {
  TaskIdSource source(99);
  std::unordered_set<std::size_t> buckets;
  for (int i = 0; i < 4096; ++i) buckets.insert(std::hash<TaskId>{}(source.next()) % 4096);
  CHECK(buckets.size() > 2000);  // a random spread gives about 2590
}
