// Who may come in, by key. What is found in it stays where it is for as long as it stays the same,
// however often the list changes.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "transport/link.hpp"

namespace troupe::transport {

class AllowList {
 public:
  // Errors: config for a malformed key, a key that stands in it twice, a name with more than two
  // keys or with two roles.
  static Result<AllowList> make(const std::vector<AllowedKey>& keys);

  // Null when the key is not on it.
  [[nodiscard]] const AllowedKey* find(std::string_view z85) const;

  // The keys of a name: none, one or two.
  [[nodiscard]] std::vector<PublicKey> keys_of(std::string_view name) const;

  // Those of ours that are not in `next`, or not as they are here.
  [[nodiscard]] std::vector<const AllowedKey*> leaving(const AllowList& next) const;

  void become(AllowList next);

 private:
  std::map<std::string, AllowedKey, std::less<>> keys_;
};

}  // namespace troupe::transport
