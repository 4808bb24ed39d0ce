// Files as memory files need them: read at any place, and replaced so that a crash at any moment
// leaves the old file or the new one, whole.
//
// Errors: not_found where the path leads nowhere, else io with what the system said; messages name
// the path. Calls that a signal breaks off are made again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/result.hpp"

namespace troupe::kernels {

class DiskFile {
 public:
  static Result<DiskFile> open_to_read(const std::string& path);

  DiskFile(DiskFile&& other) noexcept;
  DiskFile& operator=(DiskFile&&) = delete;
  ~DiskFile();

  // Errors also: malformed for what is no regular file.
  Result<std::uint64_t> size() const;

  // Fewer bytes than asked for only at the end of the file.
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> bytes) const;

  Status write(std::span<const std::byte> bytes);

 private:
  friend Status replace_file(const std::string& path,
                             const std::function<Status(DiskFile&)>& write);

  static Result<DiskFile> open(const std::string& path, int flags);
  DiskFile(std::string path, int descriptor) noexcept;
  Status sync() const;

  std::string path_;
  int descriptor_;
};

// Writes path + ".partial", syncs it, and renames it over `path`. What `write` or the system
// refuses leaves the old file alone and no partial one; a crash may leave a partial one, which the
// next call overwrites. One call for the same path at a time.
Status replace_file(const std::string& path, const std::function<Status(DiskFile&)>& write);

}  // namespace troupe::kernels
