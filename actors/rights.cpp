#include "actors/rights.hpp"

#include <algorithm>
#include <string>

#include "actors/agent.hpp"
#include "actors/control_verbs.hpp"
#include "actors/error_mail.hpp"

namespace troupe::actors {

// Everything else is refused, also what is not known.
bool only_looks(std::string_view verb) noexcept {
  return std::any_of(control_verbs.begin(), control_verbs.end(), [verb](const ControlVerb& known) {
    return known.name == verb && known.only_looks;
  });
}

std::optional<Error> refused_read_only(const transport::Message& message) {
  const auto* const question = std::get_if<transport::ControlRequest>(&message);
  if (question != nullptr && only_looks(question->verb)) return std::nullopt;
  return Error{ErrorCode::unauthorized, "this key may only look (its role is \"read-only\")",
               "use the key of a client, or let an operator change the role in the .pub file and "
               "run troupe reload"};
}

std::optional<Refusal> refusal_of(const transport::Message& message, const Error& why,
                                  bool delivery) {
  if (const auto* task = std::get_if<transport::SubmitTask>(&message)) {
    if (delivery)
      return Refusal{Lane::urgent,
                     transport::TaskRejected{task->request.id, task->attempt, {}, why, {}}};
    return Refusal{task->request.lane.value_or(Lane::ordinary),
                   transport::TaskResult{TaskOutcome{task->request.id, why, {}}, {}}};
  }
  if (const auto* question = std::get_if<transport::ControlRequest>(&message))
    return Refusal{Lane::urgent, transport::ControlReply{question->id, false, error_body(why)}};
  if (const auto* mail = std::get_if<transport::AgentMessage>(&message);
      mail != nullptr && mail->topic != error_topic)
    return Refusal{Lane::ordinary,
                   transport::AgentMessage{{std::string(client_type), std::to_string(mail->reply)},
                                           mail->to,
                                           mail->reply,
                                           error_topic,
                                           error_body(why)}};
  return std::nullopt;
}

}  // namespace troupe::actors
