// A wire of a given speed between two ends that see nothing else: two network namespaces of this
// process, joined by a pair of virtual interfaces, each of which lets out so many bits a second
// (tc's token bucket, in front of it one queue for everybody). What the loopback interface cannot
// show: a link that is full while the machine is not.
//
// Needs Linux, root, `ip` and `tc`; it is gone when the last thread and socket at its ends are.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.hpp"

namespace troupe::bench::link {

class Wire {
 public:
  enum class End : std::uint8_t { near, far };
  static constexpr const char* near_address = "10.99.0.1";
  static constexpr const char* far_address = "10.99.0.2";

  // Errors: io, saying what is missing.
  static Result<std::unique_ptr<Wire>> make(std::uint64_t megabits_per_s);
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // Runs `work` at that end and waits for it: sockets that it opens and threads that it starts
  // belong there.
  void at(End end, const std::function<void()>& work) const;

 private:
  Wire() = default;

  std::array<int, 2> namespaces_{-1, -1};
};

}  // namespace troupe::bench::link
