// What is wrong with a single item of a batch, if anything: the same questions on every device, so
// that a task is refused alike wherever it runs.
#pragma once

#include <span>

#include "base/result.hpp"
#include "kernels/bert.hpp"
#include "kernels/device.hpp"
#include "kernels/policy.hpp"

namespace troupe::kernels {

// Errors: invalid_argument (no tokens, one that is not in the vocabulary), too_large (more than the
// model reads), unsupported (scores of labels from a model without a classifier).
Status check_text(const Tokens& text, const BertConfig& config);

// Errors: invalid_argument (another width than the policy's, a number that is not finite).
Status check_observation(std::span<const float> observation, const PolicyModel& model);

// What is said of numbers that a model gave and that are not finite.
Error not_finite();

}  // namespace troupe::kernels
