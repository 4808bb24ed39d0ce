// The policy once more, in float64 and one observation at a time: what every device is compared
// with.
#pragma once

#include <span>
#include <vector>

#include "kernels/policy.hpp"

namespace troupe::kernels::ref {

// The score of each action. The model passed check_policy(); the observation has its width.
std::vector<double> logits(const PolicyModel& model, std::span<const float> observation);

// softmax(logits / temperature).
std::vector<double> probabilities(std::span<const double> logits, double temperature);

}  // namespace troupe::kernels::ref
