#include "base/agent_id.hpp"

#include <string>
#include <unordered_set>
#include <vector>

#include "base/limits.hpp"
#include "tests/catch.hpp"

using namespace troupe;

TEST_CASE("an agent id is type/key, and reads back") {
  const auto id = parse_agent_id("librarian/017");
  REQUIRE(id);
  CHECK(id->type == "librarian");
  CHECK(id->key == "017");
  CHECK(to_string(*id) == "librarian/017");
  for (const std::string text : {"a/b", "A-z_0.9:@/x", "user/anna@example.org", "./..", "1/2"}) {
    INFO(text);
    REQUIRE(parse_agent_id(text));
    CHECK(to_string(*parse_agent_id(text)) == text);
  }
}

TEST_CASE("what is not type/key is refused with the way to write it") {
  const std::vector<std::string> garbage = {
      "",      "/",    "a",          "a/",     "/b",
      "a/b/c", "a//b", "a b/c",      "a/b ",   "a/b\n",
      "a/*",   "*/b",  "\xc3\xa9/b", "a/\xff", std::string("a/b\0", 4),
      "a\\b",  "a/b?", "a/%20"};
  for (const auto& text : garbage) {
    INFO(text);
    const auto id = parse_agent_id(text);
    REQUIRE_FALSE(id);
    CHECK(id.error().code == ErrorCode::invalid_argument);
    CHECK(id.error().next_step.find("type/key") != std::string::npos);
  }
}

TEST_CASE("each side has its limit, and a huge text is not repeated in the error") {
  const std::string longest(limits::name_bytes_max, 'x');
  CHECK(parse_agent_id(longest + "/" + longest));
  CHECK_FALSE(parse_agent_id(longest + "x/" + longest));
  CHECK_FALSE(parse_agent_id(longest + "/" + longest + "x"));
  const auto huge = parse_agent_id(std::string(1'000'000, 'x'));
  REQUIRE_FALSE(huge);
  CHECK(huge.error().what.size() < 1000);
}

TEST_CASE("ids order by type, then key, and equal ids hash alike") {
  CHECK(AgentId{"a", "2"} < AgentId{"b", "1"});
  CHECK(AgentId{"a", "1"} < AgentId{"a", "2"});
  CHECK(AgentId{"a", "1"} == AgentId{"a", "1"});
  CHECK(AgentId{"a", "b"} != AgentId{"b", "a"});
  std::unordered_set<AgentId> ids;
  std::unordered_set<std::size_t> hashes;
  for (int i = 0; i < 1000; ++i) {
    const AgentId id{"librarian", std::to_string(i)};
    ids.insert(id);
    ids.insert(id);
    hashes.insert(std::hash<AgentId>{}(id));
  }
  CHECK(ids.size() == 1000);
  CHECK(hashes.size() > 990);
}
