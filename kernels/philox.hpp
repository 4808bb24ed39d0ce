// Random words by counting: a bijection of a 128-bit counter under a 64-bit key. Nothing is kept
// between calls, so the words for one agent and step are the same in every batch, on every device
// and in every order.
//
// Source: Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011. Not for keys or anything that must not be guessed.
#pragma once

#include <array>
#include <cstdint>

namespace troupe::kernels {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) noexcept;

}  // namespace troupe::kernels
