// Small random encoders, policies and texts for the tests: seeded, so that every run sees the same.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/random.hpp"
#include "kernels/bert.hpp"
#include "kernels/device.hpp"
#include "kernels/policy.hpp"

namespace troupe::kernels::test {

// Weights as large as a trained encoder's: linear layers keep the variance of what goes through,
// norms are near one, biases are small but there.
std::shared_ptr<const BertModel> random_bert(const BertConfig& config, std::uint64_t seed);

// Sizes that fit no vector: 3 heads of 20, a feed-forward of 100.
BertConfig odd_config();

// MiniLM's width and heads with fewer layers and words.
BertConfig small_config(std::uint32_t layers);

std::vector<std::int32_t> random_ids(const BertConfig& config, std::size_t count, Random& random);

// The items' task ids count from 1.
Batch encode_batch(std::uint64_t id, const std::vector<std::vector<std::int32_t>>& texts);

// Linear layers as random_bert()'s; `widths` as in PolicyModel.
std::shared_ptr<const PolicyModel> random_policy(std::vector<std::uint32_t> widths,
                                                 PolicyActivation activation, std::uint64_t seed);

std::vector<float> random_vector(std::size_t width, Random& random);

}  // namespace troupe::kernels::test
