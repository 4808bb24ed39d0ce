// Files of a model folder, read into memory or mapped.
//
// Errors: model_missing when there is no such file, io when the system refuses, too_large over the
// limit given. Messages name the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.hpp"

namespace troupe::models {

// A file mapped for reading, until the last owner lets go.
//
// The size is read once, when the file is opened. Should another process make the file shorter
// afterwards, the system ends this one with SIGBUS at the first touch of a lost page: replace a
// checkpoint by renaming a new file over it, never by writing into it.
class MappedFile {
 public:
  static Result<std::shared_ptr<const MappedFile>> open(const std::string& path);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }

 private:
  MappedFile(const std::byte* data, std::size_t size) noexcept : data_(data), size_(size) {}

  const std::byte* data_;
  std::size_t size_;
};

bool file_exists(const std::string& path) noexcept;

Result<std::string> read_file(const std::string& path, std::uint64_t bytes_max);

}  // namespace troupe::models
