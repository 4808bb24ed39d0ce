// CURVE key pairs, and what the owner of one may do. key_files.hpp has the files that hold them.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace troupe::transport {

// 40 characters of Z85, as ZeroMQ prints CURVE keys.
struct PublicKey {
  std::string z85;
  auto operator<=>(const PublicKey&) const = default;
};

struct KeyPair {
  PublicKey public_key;
  std::string secret_z85;
};

// A node is one of the cluster; a client may ask for anything; who is read-only may look.
enum class Role : std::uint8_t { node, client, read_only };

// "node", "client", "read-only".
std::string_view name(Role role) noexcept;
// Errors: invalid_argument, with the words that are understood.
Result<Role> parse_role(std::string_view word);

Result<KeyPair> generate_keys();

// Checks length and alphabet.
Result<PublicKey> parse_public_key(std::string_view z85);

// Checks both halves, and that they belong together. Its messages never show a secret.
Status check_keys(const KeyPair& keys);

}  // namespace troupe::transport
