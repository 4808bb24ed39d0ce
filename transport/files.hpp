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

// For taking back what write_new_file() made; quiet.
void remove_file(const std::string& path) noexcept;

// A regular file of at most 4 KiB that belongs to this user or to root and that nobody else may
// read.
Result<std::string> read_private_file(const std::string& path);

// The same without a look at owner and mode.
Result<std::string> read_public_text(const std::string& path);

}  // namespace troupe::transport
