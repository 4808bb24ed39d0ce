// The device of the scenarios that measure everything but a device: a batch is done at once, on the
// thread that hands it over, and nothing is computed. Texts all become the same vector, of unit
// length and with as many digits as real ones; everything else, outcomes without anything in them.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/device.hpp"

namespace troupe::bench::scenarios {

class IdentityDevice final : public kernels::Device {
 public:
  // `width` of the vectors.
  explicit IdentityDevice(std::size_t width = 1);

  [[nodiscard]] const kernels::DeviceInfo& info() const noexcept override { return info_; }
  Status submit(kernels::Batch batch, kernels::Completion completion) override;
  Status submit_urgent(kernels::Batch batch, kernels::Completion completion) override;
  [[nodiscard]] kernels::Cost cost(ModelId model) const noexcept override;
  [[nodiscard]] kernels::Cost recall_cost() const noexcept override;
  void stop() override {}

 private:
  kernels::DeviceInfo info_;
  std::vector<float> vector_;
};

}  // namespace troupe::bench::scenarios
