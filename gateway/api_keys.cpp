#include "gateway/api_keys.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/assert.hpp"

namespace troupe::gateway {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

std::array<std::uint8_t, 32> hash_of(std::string_view key) {
  std::array<std::uint8_t, 32> hash{};
  unsigned int length = 0;
  const int done = EVP_Digest(key.data(), key.size(), hash.data(), &length, EVP_sha256(), nullptr);
  TROUPE_ASSERT(done == 1 && length == hash.size(), "SHA-256 is not to be had");
  return hash;
}

std::string hex(const std::array<std::uint8_t, 32>& bytes) {
  std::string text;
  for (const auto byte : bytes) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

}  // namespace

Result<ApiKeys> ApiKeys::parse(const std::vector<std::string>& lines) {
  ApiKeys keys;
  for (const auto& line : lines) {
    auto key = config::parse_api_key(line);
    if (!key) return key.error();
    keys.keys_.push_back(std::move(*key));
  }
  return keys;
}

std::optional<std::string> ApiKeys::tenant_of(std::string_view authorization) const {
  constexpr std::string_view scheme = "bearer ";
  constexpr std::size_t header_bytes_max = 1024;
  const auto same = [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b); };
  if (authorization.size() <= scheme.size() || authorization.size() > header_bytes_max ||
      !std::equal(scheme.begin(), scheme.end(), authorization.begin(), same))
    return std::nullopt;
  const auto hash = hash_of(authorization.substr(scheme.size()));
  const config::ApiKey* found = nullptr;
  for (const config::ApiKey& key : keys_)  // all of them, whichever it is
    if (CRYPTO_memcmp(hash.data(), key.hash.data(), hash.size()) == 0) found = &key;
  if (found == nullptr) return std::nullopt;
  return found->tenant;
}

Result<NewApiKey> make_api_key(std::string_view tenant) {
  if (!config::is_tenant(tenant))
    return Error{ErrorCode::invalid_argument, "a tenant has letters, digits, '-', '_' and '.'",
                 "choose another name"};
  std::array<std::uint8_t, 32> secret{};
  if (RAND_bytes(secret.data(), static_cast<int>(secret.size())) != 1)
    return Error{ErrorCode::io, "the system gives no random bytes", ""};
  NewApiKey made;
  made.key = "troupe_" + hex(secret);
  made.line =
      std::string(tenant) + " " + std::string(config::api_key_mark) + hex(hash_of(made.key));
  return made;
}

}  // namespace troupe::gateway
