// The files that hold keys.
//
// A key pair lives in two files: NAME.key (mode 0600, both halves) and NAME.pub (the public half,
// to be copied to whoever should admit it). Both are TOML with one entry per line, so that a person
// can read them. A private file that others may read is refused, like ssh does.
//
// While a key is rotated, NAME.pub has a second public half, `next`, and both are admitted; the new
// pair lies in NAME.key.next until it is taken into use. A .pub file may also say a `role`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "transport/keys.hpp"

namespace troupe::transport {

// What a .pub file says.
struct PublicFile {
  PublicKey key;
  std::optional<PublicKey> next;
  std::optional<Role> role;

  // Both halves, the present one first.
  [[nodiscard]] std::vector<PublicKey> halves() const;
  bool operator==(const PublicFile&) const = default;
};

// The .pub files of a folder, sorted. Errors: io.
Result<std::vector<std::string>> public_files(const std::string& folder);

// The name becomes a file name, and stands in messages. Errors: invalid_argument.
Status check_file_name(const std::string& name);

// Writes NAME.key and NAME.pub into `folder`, which is made with mode 0700 when missing. Never
// overwrites: already_exists is told as io with a next step.
Status write_keys(const std::string& folder, const std::string& name, const KeyPair& keys,
                  std::optional<Role> role = {});

// NAME.key.next alone, for write_keys' NAME; never overwrites.
Status write_next_key(const std::string& folder, const std::string& name, const KeyPair& keys);

// Replaces NAME.pub at once and whole. Comments stay.
Status replace_public_file(const std::string& path, const PublicFile& file);

Result<KeyPair> read_key_file(const std::string& path);        // NAME.key
Result<PublicFile> read_public_file(const std::string& path);  // NAME.pub

}  // namespace troupe::transport
