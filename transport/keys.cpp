#include "transport/keys.hpp"

#include <zmq.h>

#include <array>
#include <cstdint>

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

}  // namespace

std::string_view name(Role role) noexcept {
  switch (role) {
    case Role::node:
      return "node";
    case Role::client:
      return "client";
    case Role::read_only:
      break;
  }
  return "read-only";
}

Result<Role> parse_role(std::string_view word) {
  for (const Role role : {Role::node, Role::client, Role::read_only})
    if (word == name(role)) return role;
  return Error{ErrorCode::invalid_argument, "there is no such role",
               "the roles are \"node\", \"client\" and \"read-only\""};
}

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

}  // namespace troupe::transport
