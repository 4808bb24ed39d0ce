// The actor around an agent. It keeps the mailbox while agents inside it come and go: an agent that
// throws is destroyed, the mail that did it is answered with an error, mail that comes meanwhile is
// stashed, and after a back-off a new agent goes on. So a crash costs one message, not the mailbox.
#pragma once

#include <deque>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "actors/agent_type.hpp"
#include "actors/caf.hpp"
#include "actors/messages.hpp"
#include "actors/vitals.hpp"
#include "actors/world.hpp"

namespace troupe::actors {

class AgentShell final : public Actor, private Context {
 public:
  AgentShell(caf::actor_config& config, AgentId id, std::shared_ptr<AgentModule> module,
             World& world, std::shared_ptr<Vitals> vitals);
  ~AgentShell() override;

  [[nodiscard]] const char* name() const override { return "agent"; }
  caf::behavior make_behavior() override;
  void on_exit() override;

 private:
  // backing_off: waits for Restart. leaving: stop() was called, or it moved away; it quits at the
  // Restart that it sent itself.
  using State = ShellState;

  // An agent that moved away and whose tasks have no outcome for so long does not wait for them.
  static constexpr Duration move_limit = std::chrono::seconds(30);

  void become(State state);
  void start();
  void receive(AgentMail&& mail);
  template <class Handler>
  void run(const AgentMail* cause, Handler handler);
  TaskId prepare(TaskRequest& request);
  [[nodiscard]] Trace trace_of(TaskId task);
  void crashed(const std::string& what, const AgentMail* cause);
  void answer_with_error(const AgentMail& mail, const Error& error);
  void move_away();
  void leave();

  class Outcomes;
  class Within;
  [[nodiscard]] ReplyTo reply_to_me();
  void task_begins();
  void refused(TaskId task);
  void tasks_end(std::uint64_t count);

  // Context, for the agent inside.
  [[nodiscard]] const AgentId& self() const override { return id_; }
  [[nodiscard]] Instant now() const override;
  [[nodiscard]] const std::string& node() const override { return world_.node; }
  [[nodiscard]] std::vector<std::string> nodes() const override;
  [[nodiscard]] Log& log() override { return *world_.log; }
  Status send(const AgentId& to, std::string topic, std::string body) override;
  Status reply(const Sender& to, std::string topic, std::string body) override;
  Result<TaskId> submit(TaskRequest request) override;
  Result<TaskId> submit_on(std::string_view node, TaskRequest request) override;
  void cancel(TaskId task) override;
  void raise(TaskId task, std::optional<Duration> time_limit) override;
  Status remember(std::uint64_t document, std::span<const float> vector) override;
  void forget() override;
  bool forget(std::uint64_t document) override;
  TimerId after(Duration delay) override;
  void stop() override { stopping_ = true; }

  const AgentId id_;
  const std::string name_;  // "type/key"
  const std::shared_ptr<AgentModule> module_;
  World& world_;
  const std::shared_ptr<Vitals> vitals_;  // the directory's, too
  std::unique_ptr<Agent> agent_;
  RestartBudget budget_;
  State state_ = State::running;
  bool stopping_ = false;
  bool moved_ = false;  // gets no mail any more, and leaves when its tasks are done
  std::uint64_t incarnation_ = 0;
  TimerId timers_ = 0;
  std::deque<AgentMail> stash_;
  Trace trace_;                               // of what is being handled
  std::unordered_map<TaskId, Trace> traces_;  // of tasks that belong to one
  std::uint64_t tasks_ = 0;              // of all its lives, whose outcome has not been dealt with
  std::shared_ptr<ReplySink> outcomes_;  // holds this actor: let go in on_exit()
};

}  // namespace troupe::actors
