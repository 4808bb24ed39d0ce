// Everything has a limit. Those that a user may want to move stand in the config; these hold
// whatever the config says, so that no input from outside can make the process grow without end.
#pragma once

#include <cstddef>
#include <cstdint>

namespace troupe::limits {

inline constexpr std::size_t text_bytes_max = std::size_t{64} * 1024;  // one text to encode
inline constexpr std::size_t message_bytes_max =
    std::size_t{256} * 1024;  // one agent message's body
inline constexpr std::size_t frame_bytes_max = std::size_t{1024} * 1024;  // one frame on the wire
inline constexpr std::size_t frames_per_message_max = 8;
inline constexpr std::size_t name_bytes_max = 128;  // node, model, tenant, agent type or key
inline constexpr std::size_t tensor_rank_max = 4;
inline constexpr std::size_t embedding_width_max = 8192;
inline constexpr std::size_t observation_width_max = 8192;  // of policies that a node serves
inline constexpr std::uint32_t labels_max = 1024;           // of a classifier
inline constexpr std::uint32_t recall_hits_max = 1000;
inline constexpr float task_weight_max = 1e6F;
inline constexpr std::uint32_t tasks_per_batch_max = 1024;
inline constexpr std::uint32_t tokens_per_batch_max = 65536;
inline constexpr std::size_t nodes_max = 1024;
inline constexpr std::size_t workers_per_node_max = 64;
inline constexpr std::size_t agent_modules_max = 64;  // shared libraries that a node loads

}  // namespace troupe::limits
