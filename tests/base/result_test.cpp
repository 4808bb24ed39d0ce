#include "base/result.hpp"

#include <memory>
#include <string>
#include <type_traits>

#include "tests/base/dies.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using troupe::tests::words_of_abort;

namespace {
Result<int> half(int number) {
  if (number % 2 != 0) return Error{ErrorCode::invalid_argument, "odd", "give an even number"};
  return number / 2;
}
Status check(bool good) {
  if (!good) return Error{ErrorCode::io, "bad", ""};
  return {};
}
}  // namespace

TEST_CASE("a result holds its value or the error that explains why there is none") {
  const auto good = half(8);
  REQUIRE(good);
  CHECK(good.has_value());
  CHECK(*good == 4);
  CHECK(good.value() == 4);

  const auto bad = half(7);
  REQUIRE_FALSE(bad);
  CHECK_FALSE(bad.has_value());
  CHECK(bad.error().code == ErrorCode::invalid_argument);
  CHECK(bad.error().next_step == "give an even number");
}

TEST_CASE("an error passes on unchanged from one result to another") {
  const auto relay = [](int number) -> Result<std::string> {
    const auto result = half(number);
    if (!result) return result.error();
    return std::to_string(*result);
  };
  CHECK(*relay(10) == "5");
  CHECK(relay(9).error().what == "odd");
}

TEST_CASE("values that can only be moved go in and come out") {
  Result<std::unique_ptr<int>> box = std::make_unique<int>(7);
  REQUIRE(box);
  CHECK(**box == 7);
  const std::unique_ptr<int> taken = *std::move(box);
  REQUIRE(taken);
  CHECK(*taken == 7);

  Result<std::unique_ptr<int>> other = std::make_unique<int>(9);
  const std::unique_ptr<int> also = std::move(other).value();
  CHECK(*also == 9);
}

TEST_CASE("a value is reached and changed in place") {
  Result<std::string> text = std::string("abc");
  CHECK(text->size() == 3);
  text->push_back('d');
  (*text) += "e";
  CHECK(text.value() == "abcde");
}

TEST_CASE("a result of another result's error type cannot be confused with success") {
  // bool is explicit: a Result<int> never silently becomes a number.
  STATIC_REQUIRE_FALSE(std::is_convertible_v<Result<int>, bool>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<Result<int>, int>);
  const Result<bool> no = false;
  CHECK(no);
  CHECK_FALSE(*no);
}

TEST_CASE("a status is good unless it carries an error") {
  CHECK(check(true));
  CHECK(Status{}.has_value());
  const auto bad = check(false);
  REQUIRE_FALSE(bad);
  CHECK(bad.error().code == ErrorCode::io);
}

TEST_CASE("reading the side that is not there is a broken invariant") {
  CHECK(words_of_abort([] { (void)half(7).value(); }).find("failed Result") != std::string::npos);
  CHECK(words_of_abort([] { (void)*half(7); }).find("failed Result") != std::string::npos);
  CHECK(words_of_abort([] { (void)half(8).error(); }).find("successful Result") !=
        std::string::npos);
  CHECK(words_of_abort([] { (void)check(true).error(); }).find("successful Result") !=
        std::string::npos);
}
