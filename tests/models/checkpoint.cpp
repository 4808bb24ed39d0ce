#include "tests/models/checkpoint.hpp"

#include <algorithm>
#include <memory>

#include "tests/catch.hpp"

namespace troupe::models::test {

std::string safetensors_bytes(std::string_view header, std::string_view data) {
  std::string bytes;
  for (unsigned shift = 0; shift < 64; shift += 8)
    bytes.push_back(static_cast<char>(static_cast<std::uint64_t>(header.size()) >> shift));
  bytes += header;
  bytes += data;
  return bytes;
}

Checkpoint Checkpoint::from_file(const std::string& path) {
  const auto file = Safetensors::open(path);
  REQUIRE(file);
  Checkpoint checkpoint;
  for (const auto& [name, stored] : file->tensors()) {
    std::vector<std::uint64_t> shape;
    for (std::size_t axis = 0; axis < stored.shape.rank(); ++axis)
      shape.push_back(stored.shape[axis]);
    checkpoint.tensors.push_back(
        {name, stored.type, shape,
         std::string(reinterpret_cast<const char*>(stored.bytes.data()), stored.bytes.size())});
  }
  return checkpoint;
}

Checkpoint::Tensor& Checkpoint::operator[](const std::string& name) {
  const auto found = std::ranges::find(tensors, name, &Tensor::name);
  REQUIRE(found != tensors.end());
  return *found;
}

void Checkpoint::erase(const std::string& name) {
  REQUIRE(std::erase_if(tensors, [&](const Tensor& tensor) { return tensor.name == name; }) == 1);
}

std::string Checkpoint::bytes(std::size_t padding) const {
  auto header = nlohmann::json::object();
  std::string data;
  for (const auto& tensor : tensors) {
    const std::size_t begin = data.size();
    data += tensor.data;
    header[tensor.name] = {
        {"dtype", tensor.type}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
  }
  return safetensors_bytes(header.dump() + std::string(padding, ' '), data);
}

Result<Safetensors> parse_bytes(std::string bytes) {
  const auto owner = std::make_shared<const std::string>(std::move(bytes));
  return Safetensors::parse(std::as_bytes(std::span(*owner)), owner, "a.safetensors");
}

}  // namespace troupe::models::test
