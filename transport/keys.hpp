// CURVE key pairs and the files that hold them.
//
// A key pair lives in two files: NAME.key (mode 0600, both halves) and NAME.pub (the public half,
// to be copied to whoever should admit it). Both are TOML with one key per line, so that a person
// can read them. A private file that others may read is refused, like ssh does.
#pragma once

#include <compare>
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

Result<KeyPair> generate_keys();

// Checks length and alphabet.
Result<PublicKey> parse_public_key(std::string_view z85);

// Checks both halves, and that they belong together. Its messages never show a secret.
Status check_keys(const KeyPair& keys);

// Writes NAME.key and NAME.pub into `folder`, which is made with mode 0700 when missing. Never
// overwrites: already_exists is told as io with a next step.
Status write_keys(const std::string& folder, const std::string& name, const KeyPair& keys);

Result<KeyPair> read_key_file(const std::string& path);       // NAME.key
Result<PublicKey> read_public_file(const std::string& path);  // NAME.pub

}  // namespace troupe::transport
