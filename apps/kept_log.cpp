#include "apps/kept_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace troupe::apps {

KeptLog::~KeptLog() {
  if (file_ >= 0) ::close(file_);
}

std::optional<Error> KeptLog::write(std::string_view line) {
  if (try_to_write(line)) {
    lost_ = false;
    return std::nullopt;
  }
  const int why = errno;
  if (std::exchange(lost_, true)) return std::nullopt;
  return Error{ErrorCode::io, "the log " + path_ + " cannot be written: " + std::strerror(why),
               "make room; until then its lines are only shown, not kept"};
}

bool KeptLog::try_to_write(std::string_view line) {
  if (file_ < 0 && !open()) return false;
  if (regular_ && bytes_ != 0 && bytes_ + line.size() + 1 > bytes_max_ && !begin_anew())
    return false;
  std::string whole = torn_ ? "\n" : "";
  whole.append(line).push_back('\n');
  for (std::size_t done = 0; done < whole.size();) {
    const auto written = ::write(file_, whole.data() + done, whole.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      torn_ = torn_ || done != 0;
      return false;
    }
    done += static_cast<std::size_t>(written);
    bytes_ += static_cast<std::uint64_t>(written);
  }
  torn_ = false;
  return true;
}

bool KeptLog::open() {
  file_ = ::open(path_.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0600);
  if (file_ < 0) return false;
  struct stat facts {};
  const bool known = ::fstat(file_, &facts) == 0;
  regular_ = known && S_ISREG(facts.st_mode);
  bytes_ = regular_ ? static_cast<std::uint64_t>(facts.st_size) : 0;
  return true;
}

bool KeptLog::begin_anew() {
  if (::rename(path_.c_str(), (path_ + ".1").c_str()) != 0 && errno != ENOENT) return false;
  ::close(std::exchange(file_, -1));
  torn_ = false;
  return open();
}

}  // namespace troupe::apps
