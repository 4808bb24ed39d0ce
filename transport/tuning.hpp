// The numbers of the owner's loop that nobody should have to configure.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/time.hpp"

namespace troupe::transport {

// What one turn takes in or sends before the loop looks around again.
inline constexpr std::size_t urgent_messages_per_turn_max = 1024;
inline constexpr std::size_t ordinary_messages_per_turn_max = 128;
inline constexpr std::size_t ordinary_bytes_per_turn_max = std::size_t{512} * 1024;

// After so much of ordinary input the urgent sockets are looked at again. Messages this few or
// this small take some ten microseconds.
inline constexpr std::size_t messages_between_urgent_checks = 8;
inline constexpr std::size_t bytes_between_urgent_checks = std::size_t{16} * 1024;

// A guest whose pipe is full is tried again so soon: a ROUTER cannot wait for one of its peers.
inline constexpr Duration guest_retry_interval = std::chrono::milliseconds(1);

// A broken connection is opened again after a moment, so that two sides that disagree do not spin;
// after a refusal that will not go away by itself much later.
inline constexpr Duration reopen_delay = std::chrono::milliseconds(50);
inline constexpr Duration refused_reopen_delay = std::chrono::seconds(30);

// Where a server may have one of two keys and had neither.
inline constexpr Duration other_keys_delay = std::chrono::seconds(1);

// How long a hello may go unanswered before the connection is begun afresh.
inline constexpr Duration hello_patience = std::chrono::seconds(3);

// So long ZeroMQ tries to get the last words of a connection out that we end.
inline constexpr int last_words_linger_ms = 500;

// Routes that never became a peer, or no longer are one, are remembered for so long.
inline constexpr Duration strangers_kept = std::chrono::seconds(30);

inline constexpr long wait_ms_max = 60'000;

}  // namespace troupe::transport
