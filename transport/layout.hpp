// The numbers that both halves of the codec (encode.cpp, decode.cpp) share. Append only.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/time.hpp"

namespace troupe::transport {

inline constexpr std::uint8_t work_encode = 1;
inline constexpr std::uint8_t work_recall = 2;
inline constexpr std::uint8_t work_act = 3;
inline constexpr std::uint8_t work_classify = 4;

inline constexpr std::uint8_t outcome_error = 1;
inline constexpr std::uint8_t outcome_embedding = 2;
inline constexpr std::uint8_t outcome_hits = 3;
inline constexpr std::uint8_t outcome_action = 4;
inline constexpr std::uint8_t outcome_scores = 5;

// Extensions: what an older node can do without.
inline constexpr std::uint16_t tag_workflow = 1;
inline constexpr std::uint16_t tag_agent = 2;
inline constexpr std::uint16_t tag_timing = 3;
inline constexpr std::uint16_t tag_delivery = 4;
inline constexpr std::uint16_t tag_attempt = 5;
inline constexpr std::uint16_t tag_load = 6;
inline constexpr std::uint16_t tag_weight = 7;
inline constexpr std::uint16_t tag_last = 8;
inline constexpr std::uint16_t tag_trace_flags = 9;
inline constexpr std::uint16_t tag_framing = 10;
inline constexpr std::uint16_t tag_received = 11;

// The longest timing that is believed: sums of a few of them stay far from overflow.
inline constexpr Duration duration_max = std::chrono::hours(365 * 24);

}  // namespace troupe::transport
