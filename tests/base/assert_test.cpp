#include "base/assert.hpp"

#include "tests/base/dies.hpp"
#include "tests/catch.hpp"

using troupe::tests::words_of_abort;

TEST_CASE("a broken invariant aborts, in release too, and says what, why and where") {
  const int tasks = 3;
  const auto words = words_of_abort([&] { TROUPE_ASSERT(tasks == 4, "a task was lost"); });
  CHECK(words.find("a task was lost") != std::string::npos);
  CHECK(words.find("tasks == 4") != std::string::npos);
  CHECK(words.find("assert_test.cpp:") != std::string::npos);
}

TEST_CASE("an invariant that holds is evaluated once and costs nothing else") {
  int evaluated = 0;
  TROUPE_ASSERT(++evaluated == 1, "never seen");
  CHECK(evaluated == 1);
}
