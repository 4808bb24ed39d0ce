// Preloaded into the processes of a test: their wall clock is off by as many seconds as the file
// says that TROUPE_CLOCK_OFFSET names. Monotonic clocks are left alone, as a step of the real one
// does. The functions are those of the C library, by its names and signatures.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>  // NOLINT(modernize-deprecated-headers): it declares what is replaced here
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

using Offset = std::atomic<std::int64_t>;
static_assert(Offset::is_always_lock_free, "the test writes it from another process");

// Null: there is none. The first to ask maps it; two at once map it twice, which does no harm.
const Offset* offset() {
  static std::atomic<const Offset*> mapped{nullptr};
  static std::atomic<bool> looked{false};
  if (looked) return mapped;
  const char* const path = std::getenv("TROUPE_CLOCK_OFFSET");
  const int file = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    void* const at = ::mmap(nullptr, sizeof(Offset), PROT_READ, MAP_SHARED, file, 0);
    if (at != MAP_FAILED) mapped = static_cast<const Offset*>(at);
    ::close(file);
  }
  looked = true;
  return mapped;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* at) noexcept {
  const auto failed = static_cast<int>(::syscall(SYS_clock_gettime, clock, at));
  const bool wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
  if (failed != 0 || !wall) return failed;
  if (const Offset* const seconds = offset()) at->tv_sec += seconds->load();
  return 0;
}

int gettimeofday(timeval* at, void* /*zone*/) noexcept {
  timespec now{};
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* at) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (at != nullptr) *at = now.tv_sec;
  return now.tv_sec;
}

}  // extern "C"
