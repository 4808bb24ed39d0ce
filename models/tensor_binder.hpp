// Finds a checkpoint's tensors by name and hands them out as float32, so that filling in a model
// reads as a list: the first problem is kept, and one look at error() at the end is enough.
//
// F32 is used where it lies in the file; F16, BF16 and F32 that is not aligned are copied. Whoever
// keeps the spans keeps storage().
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/tensor.hpp"
#include "kernels/linear_weights.hpp"
#include "models/safetensors.hpp"

namespace troupe::models {

class TensorBinder {
 public:
  // `config` is the file that asks for the tensors, for messages. The file outlives the binder.
  TensorBinder(const Safetensors& file, std::string config);

  [[nodiscard]] bool has(const std::string& name) const;

  // Empty once there is an error: a tensor that is missing, of another shape, no float, or not
  // finite.
  std::span<const float> floats(const std::string& name,
                                std::initializer_list<std::uint64_t> shape);
  // name.weight [out, in] and name.bias [out].
  kernels::LinearWeights linear(const std::string& name, std::uint64_t out, std::uint64_t in);

  // A problem that the caller finds.
  void fail(const std::string& name, const std::string& why);

  // model_damaged, with the file and the tensor.
  [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }

  // What the spans point into.
  [[nodiscard]] std::shared_ptr<const void> storage() const noexcept { return storage_; }

 private:
  struct Storage {
    std::shared_ptr<const void> file;
    std::vector<FloatBuffer> copies;
  };

  std::span<const float> values_of(const std::string& name, const StoredTensor& tensor);
  std::span<const float> keep(FloatBuffer copy);

  const Safetensors& file_;
  const std::string config_;
  std::shared_ptr<Storage> storage_;
  std::optional<Error> error_;
};

}  // namespace troupe::models
