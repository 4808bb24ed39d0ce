// An HTTP server with nothing in it: Boost.Beast as its examples use it, one thread, no time
// limits, no limits on bodies, every request answered with the same bytes. What our server adds to
// it is what our server costs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"

namespace troupe::bench::rivals {

class BareBeast {
 public:
  // Serves `body` as JSON from then on, on a free port of 127.0.0.1. Errors: io.
  static Result<std::unique_ptr<BareBeast>> open(std::string body);
  ~BareBeast();
  BareBeast(const BareBeast&) = delete;
  BareBeast& operator=(const BareBeast&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;

 private:
  struct State;
  explicit BareBeast(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace troupe::bench::rivals
