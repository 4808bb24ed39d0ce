// Whether two messages say the same. Tasks and outcomes have no equality of their own, because
// their results may be errors; tests compare them by their parts.
#pragma once

#include "transport/message.hpp"

namespace troupe::transport::testing {

inline bool same(const TaskRequest& a, const TaskRequest& b) {
  return a.id == b.id && a.model == b.model && a.tenant == b.tenant && a.workflow == b.workflow &&
         a.agent == b.agent && a.work == b.work && a.lane == b.lane &&
         a.time_limit == b.time_limit && a.weight == b.weight && a.trace == b.trace;
}

inline bool same(const Error& a, const Error& b) {
  return a.code == b.code && a.what == b.what && a.next_step == b.next_step;
}

inline bool same(const TaskOutcome& a, const TaskOutcome& b) {
  if (a.id != b.id || a.timing != b.timing || a.result.has_value() != b.result.has_value())
    return false;
  if (a.result) return *a.result == *b.result;
  return same(a.result.error(), b.result.error());
}

inline bool same(const Message& a, const Message& b) {
  return a.index() == b.index() &&
         std::visit(
             [&](const auto& one) {
               using One = std::decay_t<decltype(one)>;
               const One& other = std::get<One>(b);
               if constexpr (std::is_same_v<One, SubmitTask>)
                 return one.attempt == other.attempt && same(one.request, other.request);
               else if constexpr (std::is_same_v<One, TaskResult>)
                 return same(one.outcome, other.outcome) && one.load == other.load;
               else if constexpr (std::is_same_v<One, TaskRejected>)
                 return one.task == other.task && one.attempt == other.attempt &&
                        one.retry_after == other.retry_after && same(one.why, other.why) &&
                        one.load == other.load;
               else
                 return one == other;
             },
             a);
}

}  // namespace troupe::transport::testing
