// Where an agent lives: the node with the highest hash of (agent, node). Every node computes the
// same answer from the same list, and when a node joins or leaves only the agents that must move
// do.
//
// Source: Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998
// (rendezvous hashing). The hash is FNV-1a finished by SplitMix64, the same on every machine.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace troupe::scheduler {

// The index into `nodes` of the home of `agent` ("librarian/017"). `nodes` is not empty and holds
// no name twice; its order does not matter.
std::size_t home_of(std::string_view agent, std::span<const std::string> nodes) noexcept;

}  // namespace troupe::scheduler
