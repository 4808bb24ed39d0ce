#include "client/client.hpp"

#include "client/session.hpp"

namespace troupe {

Client::Client(std::unique_ptr<Session> session) : session_(std::move(session)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::open(ClientOptions options) {
  auto session = Session::open(std::move(options));
  if (!session) return session.error();
  return std::unique_ptr<Client>(new Client(std::move(*session)));
}

Status Client::wait_connected(std::string_view node, Duration limit) {
  return session_->wait_connected(node, limit);
}

Task Client::submit(TaskRequest request, std::string_view node) {
  std::promise<TaskOutcome> promise;
  auto outcome = promise.get_future();
  const TaskId id = session_->submit(std::move(request), node, std::move(promise));
  return {id, std::move(outcome)};
}

TaskId Client::submit(TaskRequest request, OnOutcome on_outcome, std::string_view node) {
  return session_->submit(std::move(request), node, std::move(on_outcome));
}

void Client::cancel(TaskId task) {
  session_->cancel(task);
}

std::size_t Client::pending() const {
  return session_->pending();
}

Status Client::send(const AgentId& to, std::string topic, std::string body, std::uint64_t reply,
                    std::string_view node, const Trace& trace) {
  return session_->send(to, std::move(topic), std::move(body), reply, node, trace);
}

std::optional<Letter> Client::receive(Duration limit) {
  return session_->receive(limit);
}

Result<std::string> Client::control(std::string_view node, std::string verb, std::string body,
                                    Duration limit) {
  return session_->control(node, std::move(verb), std::move(body), limit);
}

}  // namespace troupe
