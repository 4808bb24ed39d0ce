#include "kernels/disk_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

namespace troupe::kernels {
namespace {

Error refused(const std::string& what, const std::string& path, int number) {
  if (number == ENOENT)
    return {ErrorCode::not_found, "cannot " + what + " " + path + ": there is no such place",
            "set the path of the memory file right"};
  return {ErrorCode::io,
          "cannot " + what + " " + path + ": " + std::generic_category().message(number),
          "check the disk, the folder and its permissions"};
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<DiskFile> DiskFile::open_to_read(const std::string& path) {
  // Without O_NONBLOCK a named pipe would hold us for ever.
  return open(path, O_RDONLY | O_NONBLOCK);
}

Result<DiskFile> DiskFile::open(const std::string& path, int flags) {
  constexpr mode_t only_ours = 0600;
  for (;;) {
    const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, only_ours);
    if (descriptor >= 0) return DiskFile(path, descriptor);
    if (errno != EINTR) return refused("open", path, errno);
  }
}

DiskFile::DiskFile(std::string path, int descriptor) noexcept
    : path_(std::move(path)), descriptor_(descriptor) {}

DiskFile::DiskFile(DiskFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

DiskFile::~DiskFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<std::uint64_t> DiskFile::size() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) return refused("read", path_, errno);
  if (!S_ISREG(status.st_mode))
    return Error{ErrorCode::malformed, path_ + " is not a regular file",
                 "set the path of the memory file right"};
  return static_cast<std::uint64_t>(status.st_size);
}

Result<std::size_t> DiskFile::read(std::uint64_t offset, std::span<std::byte> bytes) const {
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const auto got = ::pread(descriptor_, bytes.data() + filled, bytes.size() - filled,
                             static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused("read", path_, errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

Status DiskFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto done = ::write(descriptor_, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return refused("write", path_, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return {};
}

Status DiskFile::sync() const {
  if (::fsync(descriptor_) != 0) return refused("sync", path_, errno);
  return {};
}

Status replace_file(const std::string& path, const std::function<Status(DiskFile&)>& write) {
  const std::string partial = path + ".partial";
  Status done;
  {
    auto file = DiskFile::open(partial, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file) return file.error();
    done = write(*file);
    if (done) done = file->sync();
  }
  if (done && ::rename(partial.c_str(), path.c_str()) != 0) done = refused("replace", path, errno);
  if (!done) {
    ::unlink(partial.c_str());
    return done;
  }
  // The rename itself is on the disk only when its folder is.
  const auto folder = DiskFile::open(folder_of(path), O_RDONLY | O_DIRECTORY);
  return folder ? folder->sync() : Status(folder.error());
}

}  // namespace troupe::kernels
