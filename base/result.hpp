// Result<T>: a T, or the Error that explains why there is none.
//
// The member names are those of std::expected, which g++ 12 lacks in C++20, so that moving up is an
// alias. Reading the side that is not there is a broken invariant and aborts.
//
//   Result<Config> load(const std::string& path);
//   auto config = load(path);
//   if (!config) return config.error();     // an Error converts to any Result
//   use(*config);
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "base/assert.hpp"
#include "base/error.hpp"

namespace troupe {

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & {
    TROUPE_ASSERT(has_value(), "the value of a failed Result was read");
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    TROUPE_ASSERT(has_value(), "the value of a failed Result was read");
    return *std::get_if<0>(&state_);
  }
  T&& value() && { return std::move(value()); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(value()); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    TROUPE_ASSERT(!has_value(), "the error of a successful Result was read");
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, Error> state_;
};

// The outcome of something done for its effect.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }

  const Error& error() const {
    TROUPE_ASSERT(!has_value(), "the error of a successful Result was read");
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace troupe
