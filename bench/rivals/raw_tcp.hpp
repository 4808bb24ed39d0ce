// The floor of every link: two threads and one TCP connection over the loopback interface, blocking
// calls, nothing above the bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.hpp"
#include "base/time.hpp"
#include "bench/harness/histogram.hpp"

namespace troupe::bench::rivals {

// Messages of `bytes` there and back, one at a time, `times` of them. Errors: io.
Result<harness::LatencyHistogram> tcp_round_trips(std::size_t bytes, std::uint32_t times);

// Messages of `bytes` a second, one way, as fast as they go, for `length`. Errors: io.
Result<double> tcp_messages_per_s(std::size_t bytes, Duration length);

}  // namespace troupe::bench::rivals
