#include "models/file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace troupe::models {
namespace {

Error refused(const std::string& path, int number) {
  if (number == ENOENT || number == ENOTDIR)
    return {ErrorCode::model_missing, "there is no file " + path,
            "run tools/get-model, or set the model's folder right"};
  return {ErrorCode::io, "cannot read " + path + ": " + std::generic_category().message(number),
          "check the file and its permissions"};
}

class OpenFile {
 public:
  explicit OpenFile(const std::string& path) noexcept
      // Without O_NONBLOCK a named pipe in the folder would hold us for ever.
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

  Result<std::size_t> size(const std::string& path) const {
    struct stat status {};
    if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) return refused(path, errno);
    if (!S_ISREG(status.st_mode))
      return Error{ErrorCode::io, path + " is not a regular file", "set the model's folder right"};
    return static_cast<std::size_t>(status.st_size);
  }

 private:
  int descriptor_;
};

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path) {
  const OpenFile file(path);
  const auto size = file.size(path);
  if (!size) return size.error();
  // The system maps no empty files.
  void* data = nullptr;
  if (*size > 0) {
    data = ::mmap(nullptr, *size, PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
    if (data == MAP_FAILED) return refused(path, errno);
  }
  return std::shared_ptr<const MappedFile>(
      new MappedFile(static_cast<const std::byte*>(data), *size));
}

MappedFile::~MappedFile() {
  if (size_ > 0) ::munmap(const_cast<std::byte*>(data_), size_);
}

bool file_exists(const std::string& path) noexcept {
  return ::access(path.c_str(), F_OK) == 0;
}

Result<std::string> read_file(const std::string& path, std::uint64_t bytes_max) {
  const OpenFile file(path);
  const auto size = file.size(path);
  if (!size) return size.error();
  if (*size > bytes_max)
    return Error{ErrorCode::too_large,
                 path + " has " + std::to_string(*size) + " bytes, over the limit of " +
                     std::to_string(bytes_max),
                 "set the model's folder right"};
  std::string text(*size, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const auto got = ::read(file.descriptor(), text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused(path, errno);
    if (got == 0) break;  // it has become shorter meanwhile
    filled += static_cast<std::size_t>(got);
  }
  text.resize(filled);
  return text;
}

}  // namespace troupe::models
