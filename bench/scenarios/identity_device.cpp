#include "bench/scenarios/identity_device.hpp"

#include <cmath>
#include <utility>

#include "base/clock.hpp"

namespace troupe::bench::scenarios {

IdentityDevice::IdentityDevice(std::size_t width) : vector_(width) {
  info_.name = "identity";
  info_.description = "done at once";
  double squares = 0;
  for (std::size_t i = 0; i < width; ++i) {
    vector_[i] = static_cast<float>(std::sin(static_cast<double>(i + 1)));
    squares += static_cast<double>(vector_[i]) * static_cast<double>(vector_[i]);
  }
  for (float& x : vector_) x = static_cast<float>(static_cast<double>(x) / std::sqrt(squares));
}

Status IdentityDevice::submit(kernels::Batch batch, kernels::Completion completion) {
  kernels::BatchReport report;
  report.id = batch.id;
  report.started = report.finished = now();
  // In place, since g++ 12 sees ghosts when a variant of variants is moved.
  report.results.resize(batch.items.size());
  for (std::size_t i = 0; i < batch.items.size(); ++i) {
    auto& result = report.results[i];
    result.task = batch.items[i].task;
    if (const auto* text = std::get_if<kernels::Tokens>(&batch.items[i].work)) {
      result.output = Output(std::in_place_type<Embedding>);
      auto& embedding = std::get<Embedding>(*result.output);
      embedding.vector = vector_;
      embedding.tokens = static_cast<std::uint32_t>(text->ids.size());
    } else {
      result.output = Output(std::in_place_type<Hits>);
    }
  }
  completion(std::move(report));
  return {};
}

Status IdentityDevice::submit_urgent(kernels::Batch batch, kernels::Completion completion) {
  return submit(std::move(batch), std::move(completion));
}

kernels::Cost IdentityDevice::cost(ModelId) const noexcept {
  return recall_cost();
}

kernels::Cost IdentityDevice::recall_cost() const noexcept {
  return {std::chrono::microseconds(1), std::chrono::nanoseconds(1)};
}

}  // namespace troupe::bench::scenarios
