// API keys: who may ask, and in which tenant's name.
//
// A key is 256 random bits in hex behind "troupe_"; what is kept is its SHA-256. No salt and no
// slow hash: those are against guessing what people think up, and nobody guesses 256 random bits.
// A key that is presented is hashed and compared with every entry, each in constant time.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/api_key.hpp"

namespace troupe::gateway {

class ApiKeys {
 public:
  ApiKeys() = default;

  // A line for each. Errors: config.
  static Result<ApiKeys> parse(const std::vector<std::string>& lines);

  // None: everybody may ask, as the tenant "default".
  [[nodiscard]] bool empty() const noexcept { return keys_.empty(); }

  // The tenant of a request with this Authorization header; nothing where it has no valid key.
  [[nodiscard]] std::optional<std::string> tenant_of(std::string_view authorization) const;

 private:
  std::vector<config::ApiKey> keys_;
};

// A new key and the line that lets it in. Errors: io (no randomness to be had).
struct NewApiKey {
  std::string key;
  std::string line;
};
Result<NewApiKey> make_api_key(std::string_view tenant);

}  // namespace troupe::gateway
