#include "base/error.hpp"

#include <string>
#include <utility>
#include <vector>

#include "tests/catch.hpp"

using namespace troupe;

TEST_CASE("the codes and their names are the same in every release") {
  // They travel on the wire and stand in people's scripts: append to this list, never change it.
  const std::vector<std::pair<ErrorCode, std::string>> golden = {
      {ErrorCode::invalid_argument, "invalid_argument"},
      {ErrorCode::malformed, "malformed"},
      {ErrorCode::too_large, "too_large"},
      {ErrorCode::not_found, "not_found"},
      {ErrorCode::model_missing, "model_missing"},
      {ErrorCode::model_damaged, "model_damaged"},
      {ErrorCode::queue_full, "queue_full"},
      {ErrorCode::expired, "expired"},
      {ErrorCode::canceled, "canceled"},
      {ErrorCode::draining, "draining"},
      {ErrorCode::unreachable, "unreachable"},
      {ErrorCode::unauthorized, "unauthorized"},
      {ErrorCode::handler_failed, "handler_failed"},
      {ErrorCode::unsupported, "unsupported"},
      {ErrorCode::io, "io"},
      {ErrorCode::config, "config"},
      {ErrorCode::internal, "internal"},
      {ErrorCode::infeasible, "infeasible"}};
  for (std::size_t i = 0; i < golden.size(); ++i) {
    CHECK(name(golden[i].first) == golden[i].second);
    CHECK(static_cast<std::size_t>(golden[i].first) == i + 1);
  }
  CHECK_FALSE(is_error_code(static_cast<std::uint16_t>(golden.size() + 1)));
}

TEST_CASE("numbers from outside that are no code are told apart and have no name to confuse") {
  CHECK_FALSE(is_error_code(0));
  CHECK(is_error_code(1));
  CHECK(is_error_code(17));
  CHECK_FALSE(is_error_code(19));
  CHECK_FALSE(is_error_code(65535));
  CHECK(name(static_cast<ErrorCode>(0)) == "unknown");
  CHECK(name(static_cast<ErrorCode>(19)) == "unknown");
  CHECK(name(static_cast<ErrorCode>(65535)) == "unknown");
}

TEST_CASE("an error reads as a sentence with its next step, if it has one") {
  CHECK(Error{ErrorCode::queue_full, "4096 tasks wait already", "retry in 12ms"}.to_string() ==
        "queue_full: 4096 tasks wait already (retry in 12ms)");
  CHECK(Error{ErrorCode::io, "port 5555 is in use", ""}.to_string() == "io: port 5555 is in use");
  CHECK(Error{}.code == ErrorCode::internal);
}
