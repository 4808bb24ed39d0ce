// A fuzzer's bytes as what callers do at the door, three bytes a deed (fuzz_handshake.cpp).
#pragma once

#include <cstddef>
#include <cstdint>

namespace troupe::transport::testing {

// How many were let in. Aborts where the door breaks a promise.
std::uint64_t try_handshakes(const std::uint8_t* data, std::size_t size);

}  // namespace troupe::transport::testing
