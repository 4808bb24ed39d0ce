#include "config/words.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "tests/catch.hpp"

using namespace troupe::config;

namespace {
const std::vector<std::string_view> words = {"check", "keys", "node", "status", "delay_max"};
}

TEST_CASE("a slip of the fingers finds the word that was meant") {
  CHECK(nearest("chek", words) == "check");    // missing
  CHECK(nearest("checkk", words) == "check");  // extra
  CHECK(nearest("vheck", words) == "check");   // wrong
  CHECK(nearest("chekc", words) == "check");   // swapped
  CHECK(nearest("nod", words) == "node");
  CHECK(nearest("STATUS", words) == "status");
  CHECK(nearest("delaymax", words) == "delay_max");
}

TEST_CASE("a word far from all others finds none") {
  CHECK_FALSE(nearest("banana", words));
  CHECK_FALSE(nearest("", words));
  CHECK_FALSE(nearest("x", std::vector<std::string_view>{"y"}));
  CHECK_FALSE(nearest(std::string(100'000, 'x'), words));
  CHECK_FALSE(nearest("check", {}));
}

TEST_CASE("text is shown without anything that could steer a terminal") {
  CHECK(shown("plain \xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80") ==
        "plain \xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80");
  CHECK(shown(std::string("a\0b\n\x1b[2J\x7f", 9)) == "a\\x00b\\x0a\\x1b[2J\\x7f");
  CHECK(shown("\xff\xc3") == "\\xff\\xc3");
  CHECK(shown("\xc2\x9b") == "\\xc2\\x9b");  // the one-byte form of escape-bracket
  CHECK(shown(std::string(100, 'x')) == std::string(60, 'x') + "...");
}
