// The few file operations that keys need, done the way that secrets want: files are made with their
// final mode and never through a link, reach the disk before success is told, and what is read is
// checked on the open file, not on its name.
//
// Any thread; every failure is an io error that names the path and a next step.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.hpp"

namespace troupe::transport {

// Makes `folder` and what is missing above it with mode 0700. One that exists is left as it is.
Status make_private_folder(const std::string& folder);

// Refuses to touch anything that already exists under that name, a dangling link included.
Status write_new_file(const std::string& path, const std::string& text, mode_t mode);

// Puts a whole file, made with that mode, in the place of what `path` names.
Status replace_file(const std::string& path, const std::string& text, mode_t mode);

// Puts `from` in the place of what `to` names, in the same folder.
Status rename_file(const std::string& from, const std::string& to);

// For taking back what write_new_file() made; quiet.
void remove_file(const std::string& path) noexcept;

// A regular file of at most 4 KiB that belongs to this user or to root and that nobody else may
// read.
Result<std::string> read_private_file(const std::string& path);

// The same without a look at owner and mode.
Result<std::string> read_public_text(const std::string& path);

// Two programs that change the keys of a folder at the same time wait for each other.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int file_;
};

}  // namespace troupe::transport
