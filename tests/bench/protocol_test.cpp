#include "bench/librarians/protocol.hpp"

#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::bench;

TEST_CASE("what an agent writes, the other one reads") {
  const auto shelve = from_json<Shelve>(to_json(Shelve{7, "minilm", "caf\u00e9 \"quoted\"\n"}));
  REQUIRE(shelve);
  CHECK(shelve->document == 7);
  CHECK(shelve->text == "caf\u00e9 \"quoted\"\n");

  const auto shelved =
      from_json<Shelved>(to_json(Shelved{7, false, "queue_full", "no room", 12, true, 5ms}));
  REQUIRE(shelved);
  CHECK(shelved->error == "queue_full");
  CHECK(shelved->took == Duration(5ms));

  const auto read = from_json<Read>(to_json(Read{"m", 1s, 2ms, 50ms, 3, 4, 5, {"why?", "how?"}}));
  REQUIRE(read);
  CHECK(read->time_limit == Duration(50ms));
  CHECK(read->questions == std::vector<std::string>{"why?", "how?"});

  const auto answered =
      from_json<Answered>(to_json(Answered{3, 12ms, true, "", {{"librarian/001", 9, 0.5F}}}));
  REQUIRE(answered);
  CHECK(answered->hits == std::vector<Hit>{{"librarian/001", 9, 0.5F}});
}

TEST_CASE("a body that cannot be read is an error, never a crash") {
  for (const char* body : {"", "{", "[]", "null", R"({"document": -1, "model": 3, "text": []})",
                           R"({"document": 1})", "\xff\xfe"}) {
    CAPTURE(body);
    CHECK(from_json<Shelve>(body).error().code == ErrorCode::malformed);
    CHECK(from_json<Shelved>(body).error().code == ErrorCode::malformed);
    CHECK(from_json<Read>(body).error().code == ErrorCode::malformed);
    CHECK(from_json<Answered>(body).error().code == ErrorCode::malformed);
  }
  CHECK_FALSE(
      from_json<Answered>(R"({"question":1,"latency_ns":1,"ok":true,"error":"","hits":[["a"]]})"));
}
