#include "actors/accounts.hpp"

#include <mutex>

#include "base/fnv1a.hpp"

namespace troupe::actors {
namespace {

// Two agents that share a value share an account.
std::uint64_t hash_of(std::string_view name) noexcept {
  return name.empty() ? 0 : fnv1a(name);
}

}  // namespace

Names::Names(std::string first, std::uint32_t names_max)
    : names_max_(names_max), first_(std::move(first)), names_{first_} {}

std::uint32_t Names::number_of(std::string_view name) {
  if (name == first_) return 0;
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = numbers_.find(name); found != numbers_.end()) return found->second;
    if (names_.size() >= names_max_ - 1) return names_max_ - 1;
  }
  const std::unique_lock lock(mutex_);
  if (const auto found = numbers_.find(name); found != numbers_.end()) return found->second;
  if (names_.size() >= names_max_ - 1) return names_max_ - 1;
  const auto number = static_cast<std::uint32_t>(names_.size());
  names_.emplace_back(name);
  numbers_.emplace(name, number);
  return number;
}

std::string Names::name_of(std::uint32_t number) const {
  const std::shared_lock lock(mutex_);
  return number < names_.size() ? names_[number] : "other";
}

scheduler::Account Accounts::account_of(const TaskRequest& request) {
  return {TenantId{tenants_.number_of(request.tenant)}, workflows_.number_of(request.workflow),
          hash_of(request.agent)};
}

}  // namespace troupe::actors
