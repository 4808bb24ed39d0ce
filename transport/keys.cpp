#include "transport/keys.hpp"

#include <zmq.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/limits.hpp"
#include "transport/files.hpp"
#include "transport/secret.hpp"

namespace troupe::transport {
namespace {

constexpr std::size_t z85_chars = 40;
constexpr std::size_t key_bytes = 32;
constexpr std::string_view z85_alphabet =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

bool is_key(std::string_view z85) {
  if (z85.size() != z85_chars || z85.find_first_not_of(z85_alphabet) != std::string_view::npos)
    return false;
  // Five characters can say more than four bytes hold; libzmq knows.
  std::array<std::uint8_t, key_bytes> raw{};
  std::string text(z85);
  const bool fits = zmq_z85_decode(raw.data(), text.c_str()) != nullptr;
  wipe(text);
  wipe(raw.data(), raw.size());
  return fits;
}

Error damaged(const std::string& path, const std::string& why) {
  return {ErrorCode::malformed, "'" + path + "' is not a key file: " + why,
          "make new keys with 'troupe keys', or copy the file again"};
}

// What may stand in a key file: comments, empty lines, and each of these two at most once.
struct Entries {
  std::string public_z85;
  std::string secret_z85;

  Entries() = default;
  Entries(Entries&&) = default;
  Entries& operator=(Entries&&) = default;
  ~Entries() { wipe(secret_z85); }
};

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

// Reads `name = "value"` into the entry of that name. The messages never quote the line: it may
// hold half of a secret.
Status read_line(std::string_view line, Entries& entries, const std::string& path) {
  const auto equals = line.find('=');
  const std::string_view name = trim(line.substr(0, equals));
  std::string* entry = name == "public"   ? &entries.public_z85
                       : name == "secret" ? &entries.secret_z85
                                          : nullptr;
  if (equals == std::string_view::npos || entry == nullptr)
    return damaged(path, "a line is neither public = \"...\" nor secret = \"...\"");
  if (!entry->empty()) return damaged(path, std::string(name) + " stands in it twice");
  const std::string_view value = trim(line.substr(equals + 1));
  if (value.size() != z85_chars + 2 || value.front() != '"' || value.back() != '"' ||
      !is_key(value.substr(1, z85_chars)))
    return damaged(path, std::string(name) + " is not a key of 40 Z85 characters in quotes");
  *entry = value.substr(1, z85_chars);
  return {};
}

Result<Entries> parse(std::string_view text, const std::string& path) {
  Entries entries;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    if (auto read = read_line(line, entries, path); !read) return read.error();
  }
  if (entries.public_z85.empty()) return damaged(path, "it has no public key");
  return entries;
}

// The name becomes a file name, and stands in messages.
Status check_file_name(const std::string& name) {
  constexpr std::string_view allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  if (!name.empty() && name.size() <= limits::name_bytes_max && name.front() != '.' &&
      name.find_first_not_of(allowed) == std::string::npos)
    return {};
  return Error{ErrorCode::invalid_argument, "'" + name + "' cannot name a key file",
               "use letters, digits, '-', '_' and '.', not first a '.'"};
}

}  // namespace

Result<KeyPair> generate_keys() {
  std::array<char, z85_chars + 1> public_z85{};
  std::array<char, z85_chars + 1> secret_z85{};
  if (zmq_curve_keypair(public_z85.data(), secret_z85.data()) != 0)
    return Error{ErrorCode::unsupported, "this machine's libzmq was built without CURVE",
                 "install the distribution's libzmq5"};
  KeyPair keys{{std::string(public_z85.data())}, std::string(secret_z85.data())};
  wipe(secret_z85.data(), secret_z85.size());
  return keys;
}

Result<PublicKey> parse_public_key(std::string_view z85) {
  if (!is_key(z85))
    return Error{ErrorCode::invalid_argument, "a public key is not 40 characters of Z85",
                 "copy it from a .pub file that 'troupe keys' wrote"};
  return PublicKey{std::string(z85)};
}

Status check_keys(const KeyPair& keys) {
  if (!is_key(keys.public_key.z85) || !is_key(keys.secret_z85))
    return Error{ErrorCode::invalid_argument, "a key pair is not two times 40 characters of Z85",
                 "make one with 'troupe keys'"};
  std::array<char, z85_chars + 1> derived{};
  if (zmq_curve_public(derived.data(), keys.secret_z85.c_str()) != 0 ||
      keys.public_key.z85 != derived.data())
    return Error{ErrorCode::invalid_argument,
                 "the public and the secret half of a key pair do not belong together",
                 "make new keys with 'troupe keys'"};
  return {};
}

Status write_keys(const std::string& folder, const std::string& name, const KeyPair& keys) {
  if (auto named = check_file_name(name); !named) return named;
  if (auto valid = check_keys(keys); !valid) return valid;
  if (auto made = make_private_folder(folder); !made) return made;

  const std::string public_line = "public = \"" + keys.public_key.z85 + "\"\n";
  std::string text = "# The key pair of " + name + ". Keep it secret; give away " + name +
                     ".pub instead.\n" + public_line + "secret = \"" + keys.secret_z85 + "\"\n";
  const std::string key_path = folder + "/" + name + ".key";
  auto written = write_new_file(key_path, text, 0600);
  wipe(text);
  if (!written) return written;

  auto published = write_new_file(
      folder + "/" + name + ".pub",
      "# The public key of " + name + ", for whoever should admit it.\n" + public_line, 0644);
  // Half a pair would be in the way of the next attempt.
  if (!published) remove_file(key_path);
  return published;
}

Result<KeyPair> read_key_file(const std::string& path) {
  auto text = read_private_file(path);
  if (!text) return text.error();
  auto entries = parse(*text, path);
  wipe(*text);
  if (!entries) return entries.error();
  if (entries->secret_z85.empty()) return damaged(path, "it has no secret key");
  KeyPair keys{{entries->public_z85}, entries->secret_z85};
  if (auto valid = check_keys(keys); !valid) {
    wipe(keys.secret_z85);
    return damaged(path, "its public and its secret key do not belong together");
  }
  return keys;
}

Result<PublicKey> read_public_file(const std::string& path) {
  auto text = read_public_text(path);
  if (!text) return text.error();
  auto entries = parse(*text, path);
  wipe(*text);
  if (!entries) return entries.error();
  if (!entries->secret_z85.empty())
    return damaged(path, "it holds a secret key, which does not belong into a .pub file");
  return PublicKey{entries->public_z85};
}

}  // namespace troupe::transport
