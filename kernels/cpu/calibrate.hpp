// The first guess of what batches will cost on this machine, measured while the device opens, in a
// few milliseconds for a small encoder. The clock is the thread's own processor time, so that a
// busy machine does not spoil it.
#pragma once

#include "kernels/cpu/encoder.hpp"
#include "kernels/cpu/policy_runner.hpp"
#include "kernels/cpu/tiles.hpp"
#include "kernels/device.hpp"

namespace troupe::kernels::cpu {

// Fixed cost and cost per token, from a short and a longer batch. Long texts cost more per token
// than this says, since attention grows with the square of the length.
Cost encode_cost(const Encoder& encoder);

// Fixed cost and cost per thousand rows, for rows of an ordinary sentence encoder's width.
Cost recall_cost(const Tiles& tiles);

// Fixed cost and cost per observation.
Cost act_cost(const std::shared_ptr<const Policy>& policy);

}  // namespace troupe::kernels::cpu
