// Whom tasks are charged to: the names of tenants and workflows become small numbers, an agent's
// its hash. Names come from outside, so the tables are bounded; once one is full, every further
// name shares one account, "other", which costs strangers their fairness to each other and nobody
// else anything.
//
// Thread-safe. A number is given out for the life of the node.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <shared_mutex>
#include <string>
#include <string_view>

#include "base/task.hpp"
#include "scheduler/task.hpp"

namespace troupe::actors {

class Names {
 public:
  // `first` is number 0 and costs no lookup. `names_max` counts it and "other" as well.
  Names(std::string first, std::uint32_t names_max);

  [[nodiscard]] std::uint32_t number_of(std::string_view name);
  [[nodiscard]] std::string name_of(std::uint32_t number) const;

 private:
  const std::uint32_t names_max_;
  const std::string first_;
  mutable std::shared_mutex mutex_;
  std::deque<std::string> names_;                              // by number; guarded by mutex_
  std::map<std::string, std::uint32_t, std::less<>> numbers_;  // guarded by mutex_
};

class Accounts {
 public:
  static constexpr std::uint32_t tenants_max = 1024;
  static constexpr std::uint32_t workflows_max = 16384;  // of all tenants

  [[nodiscard]] scheduler::Account account_of(const TaskRequest& request);
  [[nodiscard]] std::string tenant(TenantId id) const { return tenants_.name_of(id.value); }
  [[nodiscard]] std::string workflow(std::uint32_t id) const { return workflows_.name_of(id); }

 private:
  Names tenants_{"default", tenants_max};
  Names workflows_{"", workflows_max};
};

}  // namespace troupe::actors
