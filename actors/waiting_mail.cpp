#include "actors/waiting_mail.hpp"

#include <string>
#include <utility>

namespace troupe::actors {
namespace {

std::size_t bytes_of(const transport::AgentMessage& letter) {
  return sizeof(letter) + letter.to.type.size() + letter.to.key.size() + letter.from.type.size() +
         letter.from.key.size() + letter.topic.size() + letter.body.size();
}

}  // namespace

Status WaitingMail::keep(std::size_t node, transport::AgentMessage& letter) {
  const auto bytes = bytes_of(letter);
  if (letters_ >= letters_max || bytes_ + bytes > bytes_max)
    return Error{ErrorCode::unreachable,
                 "the node of " + to_string(letter.to) + " is down, and " +
                     std::to_string(letters_) + " letters wait for nodes that are down already",
                 "write again when it is up"};
  kept_[node].push_back(std::move(letter));
  ++letters_;
  bytes_ += bytes;
  in_hand_.add();
  return {};
}

WaitingMail::Letters WaitingMail::take(std::size_t node) {
  const auto found = kept_.find(node);
  if (found == kept_.end()) return {};
  Letters letters = std::move(found->second);
  kept_.erase(found);
  for (const auto& letter : letters) bytes_ -= bytes_of(letter);
  letters_ -= letters.size();
  in_hand_.remove(letters.size());
  return letters;
}

}  // namespace troupe::actors
