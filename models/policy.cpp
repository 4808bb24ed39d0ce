#include "models/policy.hpp"

#include <utility>
#include <vector>

#include "models/config_file.hpp"
#include "models/file.hpp"
#include "models/json.hpp"
#include "models/safetensors.hpp"
#include "models/tensor_binder.hpp"

namespace troupe::models {
namespace {

using kernels::PolicyActivation;
using kernels::PolicyModel;

struct PolicyConfig {
  std::vector<std::uint32_t> widths;
  PolicyActivation activation = PolicyActivation::relu;
  std::vector<std::string> tensors;  // one name for each layer
};

std::vector<std::uint32_t> read_widths(ConfigFile& fields) {
  std::vector<std::uint32_t> widths;
  const auto found = fields.whole().is_object() ? fields.whole().value("widths", nlohmann::json())
                                                : nlohmann::json();
  if (!found.is_array() || found.size() < 2 || found.size() > PolicyModel::layers_max + 1) {
    fields.fail("widths", "it is no list of 2 to " + std::to_string(PolicyModel::layers_max + 1) +
                              " whole numbers");
    return widths;
  }
  for (const auto& width : found) {
    const auto number = width.is_number_unsigned() ? width.get<std::uint64_t>() : 0;
    if (number == 0 || number > PolicyModel::width_max)
      fields.fail("widths",
                  "one is no whole number from 1 to " + std::to_string(PolicyModel::width_max));
    widths.push_back(static_cast<std::uint32_t>(number));
  }
  return widths;
}

std::vector<std::string> read_tensors(ConfigFile& fields, std::size_t layers) {
  std::vector<std::string> names;
  const auto found = fields.whole().is_object() ? fields.whole().value("tensors", nlohmann::json())
                                                : nlohmann::json();
  if (found.is_null()) {
    for (std::size_t i = 0; i < layers; ++i) names.push_back("layers." + std::to_string(i));
    return names;
  }
  if (!found.is_array() || found.size() != layers) {
    fields.fail("tensors", "it is no list of " + std::to_string(layers) + " names");
    return names;
  }
  for (const auto& name : found) {
    if (!name.is_string()) fields.fail("tensors", "one is not a string");
    names.push_back(name.is_string() ? name.get<std::string>() : "");
  }
  return names;
}

PolicyActivation read_activation(ConfigFile& fields) {
  const auto name = fields.text("activation", "relu");
  if (name == "relu") return PolicyActivation::relu;
  if (name == "gelu") return PolicyActivation::gelu;
  if (name == "tanh") return PolicyActivation::tanh;
  fields.unsupported("the activation is " + quoted(name), "use relu, gelu or tanh");
  return PolicyActivation::relu;
}

Result<PolicyConfig> read_policy_config(const std::string& path) {
  auto opened = ConfigFile::open(path);
  if (!opened) return opened.error();
  ConfigFile& fields = *opened;
  fields.must_be_object();
  const char* const next_step = "write the policy in version 1 of the format";
  if (const auto format = fields.text("format", ""); format != "troupe-policy")
    fields.unsupported("the format is " + quoted(format) + ", not \"troupe-policy\"", next_step);
  constexpr std::uint32_t versions_max = 1'000'000;
  if (const auto version = fields.integer("version", 1, versions_max); version != 1)
    fields.unsupported("the version is " + std::to_string(version) + ", not 1", next_step);
  PolicyConfig config;
  config.widths = read_widths(fields);
  config.activation = read_activation(fields);
  if (fields.status()) config.tensors = read_tensors(fields, config.widths.size() - 1);
  if (auto status = fields.status(); !status) return status.error();
  return config;
}

}  // namespace

Result<std::shared_ptr<const PolicyModel>> load_policy(const std::string& folder) {
  if (!file_exists(folder))
    return Error{ErrorCode::model_missing, "there is no policy folder " + folder,
                 "set the policy's folder right"};
  auto config = read_policy_config(folder + "/policy.json");
  if (!config) return config.error();
  const auto file = Safetensors::open(folder + "/policy.safetensors");
  if (!file) return file.error();

  TensorBinder binder(*file, "policy.json");
  auto model = std::make_shared<PolicyModel>();
  model->widths = std::move(config->widths);
  model->activation = config->activation;
  for (std::size_t i = 0; i + 1 < model->widths.size(); ++i)
    model->layers.push_back(
        binder.linear(config->tensors[i], model->widths[i + 1], model->widths[i]));
  // One more tensor is one more layer, or another model altogether.
  if (const auto tensors = file->tensors().size();
      !binder.error() && tensors != 2 * model->layers.size())
    return Error{ErrorCode::model_damaged,
                 file->name() + ": it holds " + std::to_string(tensors) +
                     " tensors, policy.json knows of " + std::to_string(2 * model->layers.size()),
                 "fetch the policy again; weights and policy.json must belong together"};
  if (binder.error()) return *binder.error();
  model->storage = binder.storage();
  return std::shared_ptr<const PolicyModel>(std::move(model));
}

}  // namespace troupe::models
