#include "scheduler/tenants.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace troupe::scheduler {

std::uint32_t Tenants::place_of(TenantId tenant) {
  const auto found = places_.find(tenant);
  if (found != places_.end()) return found->second;
  if (tenants_.size() >= tenants_max) return tenants_max - 1;
  const auto place = static_cast<std::uint32_t>(tenants_.size());
  tenants_.push_back({floor_ns_, 0, 0});
  places_.emplace(tenant, place);
  return place;
}

void Tenants::came(std::uint32_t place) {
  Tenant& tenant = tenants_[place];
  if (tenant.waiting++ > 0) return;
  ++active_;
  tenant.counter_ns = std::max(tenant.counter_ns, floor_ns_);
}

void Tenants::went(std::uint32_t place) noexcept {
  Tenant& tenant = tenants_[place];
  TROUPE_ASSERT(tenant.waiting > 0, "a tenant's task leaves once");
  if (--tenant.waiting == 0) --active_;
}

// Counters never fall, which those who order by them rely on: what was charged too much is kept,
// and the next charges are less.
void Tenants::charge(std::uint32_t place, double work_ns) noexcept {
  Tenant& tenant = tenants_[place];
  const double owed = work_ns - tenant.credit_ns;
  tenant.credit_ns = std::max(-owed, 0.0);
  tenant.counter_ns += std::max(owed, 0.0);
}

void Tenants::served(std::uint32_t place) noexcept {
  floor_ns_ = std::max(floor_ns_, tenants_[place].counter_ns);
}

}  // namespace troupe::scheduler
