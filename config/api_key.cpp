#include "config/api_key.hpp"

#include "base/limits.hpp"

namespace troupe::config {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

bool read_hex(std::string_view text, std::array<std::uint8_t, 32>& bytes) {
  if (text.size() != 2 * bytes.size() || text.find_first_not_of(digits) != std::string_view::npos)
    return false;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] =
        static_cast<std::uint8_t>(digits.find(text[2 * i]) * 16 + digits.find(text[2 * i + 1]));
  return true;
}

}  // namespace

bool is_tenant(std::string_view name) {
  return !name.empty() && name.size() <= limits::name_bytes_max &&
         name.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
             std::string_view::npos;
}

Result<ApiKey> parse_api_key(std::string_view line) {
  const auto space = line.find(' ');
  const auto rest = space == std::string_view::npos ? "" : line.substr(space + 1);
  ApiKey key;
  key.tenant = line.substr(0, space);
  if (!is_tenant(key.tenant) || !rest.starts_with(api_key_mark) ||
      !read_hex(rest.substr(api_key_mark.size()), key.hash))
    return Error{ErrorCode::config, "this is no API key's line",
                 "write TENANT sha256:HASH, as `troupe keys api TENANT` prints it"};
  return key;
}

}  // namespace troupe::config
