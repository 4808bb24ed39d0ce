// What whoever asked is told when a task will not run: what happened, and what to do next.
#pragma once

#include "base/error.hpp"
#include "scheduler/event.hpp"

namespace troupe::actors {

[[nodiscard]] Error refusal_error(const scheduler::Refuse& refusal);
[[nodiscard]] Error no_device_error();
[[nodiscard]] Error draining_error();
[[nodiscard]] Error drained_error();

}  // namespace troupe::actors
