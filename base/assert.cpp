#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace troupe::detail {

void assert_failed(const char* condition, const char* why, const char* file, int line) noexcept {
  std::fprintf(stderr, "troupe: broken invariant: %s\n  %s\n  at %s:%d\n", why, condition, file,
               line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace troupe::detail
