#include "transport/files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "transport/secret.hpp"

namespace troupe::transport {
namespace {

constexpr std::size_t file_bytes_max = 4096;

std::string reason(int error) {
  std::array<char, 128> text{};
  // The GNU variant: thread-safe, and may answer with a constant of its own.
  return ::strerror_r(error, text.data(), text.size());
}

Error refused(const std::string& what, const std::string& path, int error,
              std::string next_step = "") {
  return {ErrorCode::io, "cannot " + what + " '" + path + "': " + reason(error),
          std::move(next_step)};
}

// Closes on every way out.
class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool open() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// A new name is only safe once the folder that holds it has reached the disk too.
bool sync_folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd.open() && ::fsync(fd.get()) == 0;
}

Result<std::string> read_small(int fd, const std::string& path) {
  std::string text(file_bytes_max + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int error = errno;
      wipe(text);
      return refused("read", path, error);
    }
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > file_bytes_max) {
    wipe(text);
    return Error{ErrorCode::too_large, "'" + path + "' is too large for a key file",
                 "give the path of a .key or .pub file that 'troupe keys' wrote"};
  }
  text.resize(size);
  return text;
}

Status check_private(const struct stat& file, const std::string& path) {
  if (file.st_uid != ::geteuid() && file.st_uid != 0)
    return Error{ErrorCode::io, "'" + path + "' belongs to another user",
                 "chown " + std::to_string(::geteuid()) + " " + path};
  if ((file.st_mode & 077U) != 0)
    return Error{ErrorCode::io, "'" + path + "' holds a secret key that other users can read",
                 "chmod 600 " + path};
  return {};
}

Result<std::string> read_file(const std::string& path, bool is_private) {
  // O_NONBLOCK: a pipe under that name must not hold us up.
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.open())
    return refused("open", path, errno,
                   errno == ENOENT ? "make keys with 'troupe keys', or correct the path" : "");
  struct stat file {};
  if (::fstat(fd.get(), &file) != 0) return refused("look at", path, errno);
  if (!S_ISREG(file.st_mode))
    return Error{ErrorCode::io, "'" + path + "' is not a file", "give the path of a key file"};
  if (is_private)
    if (auto safe = check_private(file, path); !safe) return safe.error();
  return read_small(fd.get(), path);
}

}  // namespace

Status make_private_folder(const std::string& folder) {
  for (std::size_t end = 0; end != std::string::npos;) {
    end = folder.find('/', end + 1);
    const std::string part = folder.substr(0, end);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST)
      return refused("make the folder", part, errno, "choose a folder that you may write");
  }
  struct stat found {};
  if (::stat(folder.c_str(), &found) != 0) return refused("look at", folder, errno);
  if (!S_ISDIR(found.st_mode))
    return Error{ErrorCode::io, "'" + folder + "' is not a folder", "choose another one"};
  return {};
}

Status write_new_file(const std::string& path, const std::string& text, mode_t mode) {
  const Descriptor fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!fd.open() && errno == EEXIST)
    return Error{ErrorCode::io, "'" + path + "' already exists and keys are never overwritten",
                 "move it away first, or choose another name"};
  if (!fd.open()) return refused("make", path, errno, "choose a folder that you may write");
  if (!write_all(fd.get(), text) || ::fsync(fd.get()) != 0 || !sync_folder_of(path)) {
    const int error = errno;
    remove_file(path);
    return refused("write", path, error);
  }
  return {};
}

Status replace_file(const std::string& path, const std::string& text, mode_t mode) {
  const std::string beside = path + ".new";
  remove_file(beside);  // what an interrupted attempt left
  if (auto written = write_new_file(beside, text, mode); !written) return written;
  auto renamed = rename_file(beside, path);
  if (!renamed) remove_file(beside);
  return renamed;
}

Status rename_file(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0 || !sync_folder_of(to))
    return refused("replace", to, errno, "choose a folder that you may write");
  return {};
}

void remove_file(const std::string& path) noexcept {
  ::unlink(path.c_str());
}

Result<std::string> read_private_file(const std::string& path) {
  return read_file(path, true);
}

Result<std::string> read_public_text(const std::string& path) {
  return read_file(path, false);
}

FolderLock::FolderLock(const std::string& folder)
    : file_(::open((folder + "/.lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)) {
  if (file_ >= 0) ::flock(file_, LOCK_EX);
}

FolderLock::~FolderLock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace troupe::transport
