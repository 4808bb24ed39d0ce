// The line of a config that lets a client in over HTTP: whose tasks they are, and the hash of the
// client's key.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace troupe::config {

// Before the hash in the line.
inline constexpr std::string_view api_key_mark = "sha256:";

struct ApiKey {
  std::string tenant;
  std::array<std::uint8_t, 32> hash{};
};

// "TENANT sha256:HASH", with 64 hex digits. Errors: config.
Result<ApiKey> parse_api_key(std::string_view line);

// Whether a tenant of the line may be called so.
bool is_tenant(std::string_view name);

}  // namespace troupe::config
