// What each tenant was given of the devices' time, and which of them want more.
//
// A tenant's counter grows by the device time of what it launches, predicted first and corrected
// when it has been measured; where not everything fits, the one with the least counter goes first
// (virtual token counters: Sheng et al., "Fairness in serving large language models", 2024). One
// that comes back after having wanted nothing is lifted to the least of those that want something:
// being away saves up no claim.
//
// Not thread-safe; one scheduler owns it. Bounded: tenants beyond tenants_max share one place.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/id.hpp"

namespace troupe::scheduler {

inline constexpr std::uint32_t tenants_max = 4096;

class Tenants {
 public:
  std::uint32_t place_of(TenantId tenant);

  [[nodiscard]] double counter(std::uint32_t place) const noexcept {
    return tenants_[place].counter_ns;
  }
  // More than one tenant has work waiting: shares matter.
  [[nodiscard]] std::uint32_t active() const noexcept { return active_; }

  [[nodiscard]] std::size_t known() const noexcept { return tenants_.size(); }

  void came(std::uint32_t place);           // one more of its tasks waits
  void went(std::uint32_t place) noexcept;  // one less
  [[nodiscard]] std::uint32_t waiting(std::uint32_t place) const noexcept {
    return tenants_[place].waiting;
  }

  void charge(std::uint32_t place, double work_ns) noexcept;

  // How far it is ahead of the one served last, in device time: what it had beyond its share.
  [[nodiscard]] double lead_ns(std::uint32_t place) const noexcept {
    return tenants_[place].counter_ns - floor_ns_;
  }
  // The share of the devices that is its own while others want theirs.
  [[nodiscard]] double share(std::uint32_t place) const noexcept {
    const std::uint32_t wanting = active_ + (tenants_[place].waiting == 0 ? 1U : 0U);
    return 1.0 / static_cast<double>(wanting == 0 ? 1U : wanting);
  }

  // The counter of whoever goes first now; called with each one that is served.
  void served(std::uint32_t place) noexcept;

 private:
  struct Tenant {
    double counter_ns = 0;
    double credit_ns = 0;  // charged too much so far
    std::uint32_t waiting = 0;
  };
  std::vector<Tenant> tenants_;
  std::unordered_map<TenantId, std::uint32_t> places_;
  std::uint32_t active_ = 0;
  double floor_ns_ = 0;
};

}  // namespace troupe::scheduler
