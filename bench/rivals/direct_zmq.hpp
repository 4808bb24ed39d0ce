// ZeroMQ as its guide uses it: two threads that own a socket each, over TCP on the loopback
// interface, plain or with CURVE, and no protocol of ours.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.hpp"
#include "base/time.hpp"
#include "bench/harness/histogram.hpp"

namespace troupe::bench::rivals {

enum class Wire : std::uint8_t { plain, curve };

// Messages of `bytes` there and back between two DEALERs, one at a time. Errors: io.
Result<harness::LatencyHistogram> zmq_round_trips(Wire wire, std::size_t bytes,
                                                  std::uint32_t times);

// Messages of `bytes` a second from a PUSH to a PULL, `per_frame` of them together in each frame,
// as fast as they go, for `length`. Errors: io.
Result<double> zmq_messages_per_s(Wire wire, std::size_t bytes, std::size_t per_frame,
                                  Duration length);

}  // namespace troupe::bench::rivals
