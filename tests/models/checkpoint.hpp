// Safetensors files made in memory, right or wrong.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "models/safetensors.hpp"

namespace troupe::models::test {

// The length field, the header's text and the data, put together without a look at them.
std::string safetensors_bytes(std::string_view header, std::string_view data);

// A checkpoint as a list of tensors, which tests change before they put it together.
struct Checkpoint {
  struct Tensor {
    std::string name;
    std::string type;
    std::vector<std::uint64_t> shape;
    std::string data;
  };
  std::vector<Tensor> tensors;

  static Checkpoint from_file(const std::string& path);

  Tensor& operator[](const std::string& name);
  void erase(const std::string& name);
  // `padding` spaces after the header move the data off its alignment.
  [[nodiscard]] std::string bytes(std::size_t padding = 0) const;
};

// Parses bytes that it keeps alive, under the name "a.safetensors".
Result<Safetensors> parse_bytes(std::string bytes);

}  // namespace troupe::models::test
