#include "apps/log_tail.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace troupe::apps {
namespace {

// A file that was not written by us may have no line break at all.
constexpr std::size_t line_bytes_max = std::size_t{1} << 20;

int open_to_read(const std::string& path) {
  return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

}  // namespace

LogTail::LogTail(std::string node, std::string path)
    : node_(std::move(node)), path_(std::move(path)), file_(open_to_read(path_ + ".1")) {
  if (file_ < 0) go_on();
}

LogTail::~LogTail() {
  if (file_ >= 0) ::close(file_);
}

LogTail::LogTail(LogTail&& other) noexcept
    : node_(other.node_),
      path_(other.path_),
      file_(std::exchange(other.file_, -1)),
      bytes_(std::move(other.bytes_)),
      from_(other.from_),
      last_at_(std::move(other.last_at_)),
      next_(std::move(other.next_)) {}

const LogLine* LogTail::peek() {
  if (!next_) {
    auto text = next_text();
    if (!text) return nullptr;
    next_ = read_log_line(std::move(*text));
    if (next_->at.empty()) next_->at = last_at_;
    last_at_ = next_->at;
  }
  return &*next_;
}

std::optional<std::string> LogTail::next_text() {
  while (true) {
    const auto end = bytes_.find('\n', from_);
    if (end != std::string::npos || bytes_.size() - from_ >= line_bytes_max) {
      const auto size = std::min(end, from_ + line_bytes_max) - from_;
      std::string text = bytes_.substr(from_, size);
      from_ += size + (end == from_ + size ? 1 : 0);
      return text;
    }
    if (!refill() && !go_on()) return std::nullopt;
  }
}

bool LogTail::refill() {
  if (file_ < 0) return false;
  std::array<char, 65536> more;
  const auto count = ::read(file_, more.data(), more.size());
  if (count <= 0) return false;
  bytes_.erase(0, std::exchange(from_, 0));
  bytes_.append(more.data(), static_cast<std::size_t>(count));
  return true;
}

// From FILE.1, or from a file that has been put aside, to the present one. Nothing is added to
// either any more, so a line that has not ended there never will.
bool LogTail::go_on() {
  struct stat ours {};
  struct stat present {};
  if (::stat(path_.c_str(), &present) != 0) return false;
  if (file_ >= 0 && ::fstat(file_, &ours) == 0 && ours.st_ino == present.st_ino &&
      ours.st_dev == present.st_dev)
    return false;
  const int next = open_to_read(path_);
  if (next < 0) return false;
  if (file_ >= 0) ::close(file_);
  file_ = next;
  if (from_ < bytes_.size()) bytes_ += '\n';
  return true;
}

}  // namespace troupe::apps
