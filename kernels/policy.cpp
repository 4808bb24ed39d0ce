#include "kernels/policy.hpp"

#include <string>

namespace troupe::kernels {
namespace {

Error damaged(std::string what) {
  return {ErrorCode::model_damaged, std::move(what), "get the policy again or choose another one"};
}

}  // namespace

Status check_policy(const PolicyModel& model) {
  const std::size_t layers = model.layers.size();
  if (layers == 0 || layers > PolicyModel::layers_max)
    return damaged("a policy of " + std::to_string(layers) + " layers");
  if (model.widths.size() != layers + 1)
    return damaged("a policy of " + std::to_string(layers) + " layers and " +
                   std::to_string(model.widths.size()) + " widths");
  for (const std::uint32_t width : model.widths) {
    if (width == 0 || width > PolicyModel::width_max)
      return damaged("a policy with a layer " + std::to_string(width) + " wide");
  }
  for (std::size_t i = 0; i < layers; ++i) {
    const std::size_t in = model.widths[i];
    const std::size_t out = model.widths[i + 1];
    if (model.layers[i].weight.size() != out * in || model.layers[i].bias.size() != out)
      return damaged("layer " + std::to_string(i) + " of a policy is not " + std::to_string(out) +
                     " x " + std::to_string(in));
  }
  return {};
}

Status check_policy(const ServedPolicy& policy) {
  if (policy.model == nullptr)
    return Error{ErrorCode::invalid_argument, "a policy that is not there", ""};
  if (auto good = check_policy(*policy.model); !good) return good;
  return check_sampling(policy.sampling);
}

}  // namespace troupe::kernels
