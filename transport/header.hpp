// The fixed part in front of every message on the wire (docs/wire.md shows it byte by byte).
//
// Everything that a relay or a log would want to know without understanding the body stands here at
// a fixed place: kind, task, lane, time left, tensor shape. Pure functions, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/id.hpp"
#include "base/lane.hpp"
#include "base/limits.hpp"
#include "base/result.hpp"
#include "base/trace.hpp"

namespace troupe::transport {

inline constexpr std::size_t header_bytes = 88;
// A year, as long as a duration in the config may be.
inline constexpr std::uint64_t time_to_live_us_max = 365ULL * 24 * 3600 * 1'000'000;

// The numbers travel: append only.
enum class Kind : std::uint8_t {
  hello = 1,
  heartbeat = 2,
  agent_message = 3,
  submit_task = 4,
  cancel_task = 5,
  task_result = 6,
  control_request = 7,
  control_reply = 8,
  task_accepted = 9,
  task_rejected = 10,
  result_ack = 11,
};

struct Header {
  Kind kind = Kind::hello;
  TaskId task;
  std::optional<Lane> lane;
  std::optional<std::uint64_t> time_to_live_us;
  std::uint32_t body_bytes = 0;
  std::uint32_t extension_bytes = 0;
  Trace trace;  // its ids; whether it is sampled stands in an extension

  // A tensor of floats, the only dtype of version 1, and of one dimension; none when 0.
  std::uint32_t tensor_floats = 0;
  bool tensor_framed = false;  // it is the second frame, not part of the first

  // Read only: where the body begins. Later minor versions may have a longer header.
  std::size_t bytes = header_bytes;
};

// Writes exactly header_bytes at the beginning of `frame`, which is at least that long.
void store(const Header& header, std::string& frame);

// Checks magic, version, every enumeration and that unused fields are zero. Errors: malformed;
// unsupported for another major version.
Result<Header> load_header(std::string_view frame);

}  // namespace troupe::transport
