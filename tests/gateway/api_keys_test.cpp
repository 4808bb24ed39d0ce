// API keys: made, kept as a hash, known again.
#include "gateway/api_keys.hpp"

#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::gateway;

TEST_CASE("a key is known by its hash, and belongs to a tenant") {
  // SHA-256 of "abc", from FIPS 180-2, appendix B.1.
  const auto keys = ApiKeys::parse(
      {"alice sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"});
  REQUIRE(keys);
  CHECK_FALSE(keys->empty());
  CHECK(keys->tenant_of("Bearer abc") == "alice");
  CHECK(keys->tenant_of("bearer abc") == "alice");
  for (const auto* wrong : {"", "abc", "Bearer", "Bearer ", "Bearer abd", "Bearer abc ",
                            "Bearer  abc", "Basic abc", "BearerXabc"}) {
    INFO(wrong);
    CHECK_FALSE(keys->tenant_of(wrong).has_value());
  }
  CHECK_FALSE(keys->tenant_of("Bearer " + std::string(100'000, 'a')).has_value());
}

TEST_CASE("a new key is admitted by its own line and by no other") {
  const auto one = make_api_key("one");
  const auto two = make_api_key("two");
  REQUIRE(one);
  REQUIRE(two);
  CHECK(one->key.size() == std::string("troupe_").size() + 64);
  CHECK(one->line.find(one->key) == std::string::npos);
  const auto keys = ApiKeys::parse({one->line, two->line});
  REQUIRE(keys);
  CHECK(keys->tenant_of("Bearer " + one->key) == "one");
  CHECK(keys->tenant_of("Bearer " + two->key) == "two");
  const auto first = ApiKeys::parse({one->line});
  REQUIRE(first);
  CHECK_FALSE(first->tenant_of("Bearer " + two->key).has_value());
}

TEST_CASE("what is no key's line is refused") {
  const std::string hash(64, 'a');
  CHECK(config::parse_api_key("t sha256:" + hash).has_value());
  for (const std::string& wrong : std::vector<std::string>{
           "", "t", "t ", "t " + hash, "t sha256:", "t sha256:" + hash + "0",
           "t sha256:" + hash.substr(1), "t sha256:" + std::string(64, 'g'),
           "t sha256:" + std::string(64, 'A'), "t  sha256:" + hash, " sha256:" + hash,
           "a b sha256:" + hash, "t\n sha256:" + hash, std::string(129, 't') + " sha256:" + hash}) {
    INFO(wrong);
    const auto key = config::parse_api_key(wrong);
    REQUIRE_FALSE(key);
    CHECK(key.error().code == ErrorCode::config);
  }
  CHECK_FALSE(ApiKeys::parse({"t sha256:" + hash, "nonsense"}));
  CHECK_FALSE(make_api_key(""));
  CHECK_FALSE(make_api_key("with space"));
}
