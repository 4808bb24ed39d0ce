#include "transport/allow_list.hpp"

namespace troupe::transport {
namespace {

constexpr std::size_t keys_per_name_max = 2;

}  // namespace

Result<AllowList> AllowList::make(const std::vector<AllowedKey>& keys) {
  AllowList list;
  std::map<std::string_view, std::vector<Role>> names;
  for (const AllowedKey& allowed : keys) {
    if (auto valid = parse_public_key(allowed.key.z85); !valid)
      return Error{ErrorCode::config, "the key of '" + allowed.name + "' is malformed",
                   valid.error().next_step};
    auto& roles = names[allowed.name];
    roles.push_back(allowed.role);
    if (roles.size() > keys_per_name_max)
      return Error{ErrorCode::config,
                   "more than two allowed keys have the name '" + allowed.name + "'",
                   "give each key a name of its own"};
    if (roles.front() != allowed.role)
      return Error{ErrorCode::config,
                   "two allowed keys of different roles have the name '" + allowed.name + "'",
                   "give each key a name of its own"};
    if (!list.keys_.emplace(allowed.key.z85, allowed).second)
      return Error{ErrorCode::config, "'" + allowed.name + "' has the key of somebody else",
                   "make a key pair of its own with 'troupe keys'"};
  }
  return list;
}

const AllowedKey* AllowList::find(std::string_view z85) const {
  const auto found = keys_.find(z85);
  return found == keys_.end() ? nullptr : &found->second;
}

std::vector<PublicKey> AllowList::keys_of(std::string_view name) const {
  std::vector<PublicKey> keys;
  for (const auto& [z85, allowed] : keys_)
    if (allowed.name == name) keys.push_back(allowed.key);
  return keys;
}

std::vector<const AllowedKey*> AllowList::leaving(const AllowList& next) const {
  std::vector<const AllowedKey*> leaving;
  for (const auto& [z85, allowed] : keys_) {
    const AllowedKey* const then = next.find(z85);
    if (then == nullptr || *then != allowed) leaving.push_back(&allowed);
  }
  return leaving;
}

void AllowList::become(AllowList next) {
  for (const AllowedKey* const gone : leaving(next)) keys_.erase(std::string(gone->key.z85));
  keys_.merge(next.keys_);  // what is the same is not touched
}

}  // namespace troupe::transport
