// A policy from a folder: policy.json beside policy.safetensors.
//
//   {"format": "troupe-policy", "version": 1, "widths": [64, 128, 128, 16], "activation": "tanh"}
//
// `widths` are those of the observation, the hidden layers and the actions. The weights are named
// after their layers, layers.0.weight [128, 64], layers.0.bias [128] and so on, F32, F16 or BF16;
// "tensors": ["0", "2", "4"] gives other names in place of layers.N, here those of PyTorch's
// nn.Sequential. Nothing in the folder is trusted.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "kernels/policy.hpp"

namespace troupe::models {

// The weights are read in place from the file's mapping where that is possible, so the file must
// not be written to while the policy is in use (models/file.hpp). The result passes
// kernels::check_policy(). Errors, with file and key or tensor: model_missing, model_damaged,
// unsupported (another format or version), io, too_large.
Result<std::shared_ptr<const kernels::PolicyModel>> load_policy(const std::string& folder);

}  // namespace troupe::models
