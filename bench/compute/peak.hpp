// What one core of this machine can do at best: the measure of every kernel. Taken in the same run
// as the kernel that is held against it, since clocks differ from minute to minute.
#pragma once

#include <cstddef>
#include <span>

#include "base/time.hpp"
#include "kernels/cpu/tiles.hpp"

namespace troupe::bench::compute {

// Floating-point operations a second of multiply-adds that stay in registers, with the vectors of
// `tiles`; an addition and a multiplication are two. bf16: the products of pairs that AVX-512 BF16
// has; zero where `tiles` are of another instruction set.
double fma_peak(const kernels::cpu::Tiles& tiles, Duration at_least);
double bf16_peak(const kernels::cpu::Tiles& tiles, Duration at_least);

// Bytes a second of a loop that does nothing but read `bytes` from front to end, over and over. To
// measure memory, they must be several times what the caches hold.
double read_bandwidth(std::span<const std::byte> bytes, Duration at_least);

}  // namespace troupe::bench::compute
