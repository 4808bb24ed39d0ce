// An assert that stays on in release builds.
//
// It guards invariants of our own code: a false condition is a bug here, never bad input, which is
// answered with an Error (base/error.hpp). The process prints where it stands and aborts, because a
// scheduler that has lost track of its tasks must not go on handing them out.
#pragma once

namespace troupe::detail {
[[noreturn]] void assert_failed(const char* condition, const char* why, const char* file,
                                int line) noexcept;
}

// `why` is a string literal that says which promise was broken.
#define TROUPE_ASSERT(condition, why) \
  ((condition) ? void(0) : ::troupe::detail::assert_failed(#condition, why, __FILE__, __LINE__))
