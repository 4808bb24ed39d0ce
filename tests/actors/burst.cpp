#include "tests/actors/burst.hpp"

#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "tests/catch.hpp"

namespace troupe::tests {
namespace {

class Burst final : public actors::Agent {
 public:
  void on_message(actors::Context& context, const actors::AgentMail& mail) override {
    const auto order = nlohmann::json::parse(mail.body);
    asked_ = mail;
    for (int i = 0; i < order["count"].get<int>(); ++i) {
      const Lane lane = i % 7 == 0 ? Lane::urgent : Lane::ordinary;
      auto id = context.submit_on(order["node"].get<std::string>(),
                                  encode("text number " + std::to_string(i), lane));
      if (!id) throw std::runtime_error(id.error().what);
      waiting_.insert(*id);
    }
  }

  void on_outcome(actors::Context& context, const TaskOutcome& outcome) override {
    if (waiting_.erase(outcome.id) == 0) ++extra_;
    ++(outcome.result ? completed_ : failed_);
    if (!waiting_.empty()) return;
    const nlohmann::json body = {{"completed", completed_}, {"failed", failed_}, {"extra", extra_}};
    const auto sent = context.reply(asked_.from, "done", body.dump());
    if (!sent) throw std::runtime_error(sent.error().what);
  }

 private:
  actors::AgentMail asked_;
  std::set<TaskId> waiting_;
  int completed_ = 0;
  int failed_ = 0;
  int extra_ = 0;
};

}  // namespace

TaskRequest encode(std::string text, std::optional<Lane> lane) {
  TaskRequest task;
  task.model = "tiny";
  task.work = Encode{std::move(text)};
  task.lane = lane;
  return task;
}

Modules burst() {
  return {module("burst", [](const AgentId&) { return std::make_unique<Burst>(); })};
}

void begin_burst(TestClient& client, const AgentId& agent, int count, const std::string& node) {
  const nlohmann::json order = {{"count", count}, {"node", node}};
  const auto sent = client.send("a", agent, 1, "go", order.dump());
  if (!sent) FAIL(sent.error().to_string());
}

Counted end_burst(TestClient& client) {
  const auto mail = client.receive(std::chrono::seconds(60));
  REQUIRE(mail);
  INFO(mail->body);
  REQUIRE(mail->topic == "done");
  const auto body = nlohmann::json::parse(mail->body);
  return {body["completed"].get<int>(), body["failed"].get<int>(), body["extra"].get<int>()};
}

}  // namespace troupe::tests
