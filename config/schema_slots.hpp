// How a setting's value is found in a Config, and numbers as keys write their bounds. Internal to
// schema*.cpp, which list the settings.
#pragma once

#include <cstdint>

#include "config/schema.hpp"

namespace troupe::config {

// Accessors: &Config::agents, &AgentConfig::threads -> config.agents.threads.
template <auto part, auto member>
Slot in(Config& config, std::size_t) {
  return &((config.*part).*member);
}
template <auto list, auto member>
Slot of(Config& config, std::size_t instance) {
  return &((config.*list)[instance].*member);
}

constexpr std::int64_t count(Duration duration) {
  return duration.count();
}
constexpr std::int64_t mebi(std::int64_t number) {
  return number << 20;
}

// schema_doors.cpp: those of [http] and [grpc].
std::span<const Key> http_keys() noexcept;
std::span<const Key> grpc_keys() noexcept;

}  // namespace troupe::config
