#include "actors/refusals.hpp"

#include "base/units.hpp"

namespace troupe::actors {

Error refusal_error(const scheduler::Refuse& refusal) {
  const std::string retry = refusal.retry_after > Duration::zero()
                                ? "retry after " + human_duration(refusal.retry_after)
                                : "retry later";
  switch (refusal.reason) {
    case ErrorCode::queue_full:
      return {refusal.reason, "the lane's queue is full", retry};
    case ErrorCode::infeasible:
      return {refusal.reason, "the deadline cannot be met by what is queued before it",
              "allow at least " + human_duration(refusal.earliest_deadline) + ", or " + retry};
    case ErrorCode::expired:
      return {refusal.reason, "the deadline passed while the task waited",
              "allow more time, or submit it as urgent"};
    case ErrorCode::canceled:
      return {refusal.reason, "the task was canceled", ""};
    case ErrorCode::unreachable:
      return {refusal.reason, "the workers that had the task were lost", "submit it again"};
    default:
      return {refusal.reason, "the task was refused", ""};
  }
}

Error no_device_error() {
  return {ErrorCode::unreachable, "no device of this node works any more",
          "send it to another node, or restart this one; its log says what became of the devices"};
}

Error drained_error() {
  return {ErrorCode::draining, "the node is being taken out of service and takes no new tasks",
          "submit it to another node"};
}

Error draining_error() {
  return {ErrorCode::draining, "the node is shutting down", "submit it to another node"};
}

}  // namespace troupe::actors
