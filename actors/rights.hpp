// What who is read-only may ask of a node: that which only looks. The role is that of the key by
// which the peer proved who it is, never something that it said.
#pragma once

#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "transport/message.hpp"

namespace troupe::actors {

// Control verbs that change nothing and cost next to nothing.
[[nodiscard]] bool only_looks(std::string_view verb) noexcept;

// Nothing for a question that only looks; for anything else why it is refused.
[[nodiscard]] std::optional<Error> refused_read_only(const transport::Message& message);

// How that is said to whoever sent the message, to `delivery` or not; nothing where the sender
// waits for no answer.
struct Refusal {
  Lane lane = Lane::urgent;
  transport::Message message;
};
[[nodiscard]] std::optional<Refusal> refusal_of(const transport::Message& message, const Error& why,
                                                bool delivery);

}  // namespace troupe::actors
