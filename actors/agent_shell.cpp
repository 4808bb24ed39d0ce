#include "actors/agent_shell.hpp"

#include <algorithm>

#include "actors/bridge.hpp"
#include "actors/directory.hpp"
#include "actors/door.hpp"
#include "actors/error_mail.hpp"
#include "actors/members.hpp"
#include "base/clock.hpp"

namespace troupe::actors {

AgentShell::AgentShell(caf::actor_config& config, AgentId id, std::shared_ptr<AgentModule> module,
                       World& world, std::shared_ptr<Vitals> vitals)
    : Actor(config, *world.log),
      id_(std::move(id)),
      name_(to_string(id_)),
      module_(std::move(module)),
      world_(world),
      vitals_(std::move(vitals)),
      budget_(world.restarts) {}

AgentShell::~AgentShell() = default;

class AgentShell::Outcomes final : public ReplySink {
 public:
  explicit Outcomes(caf::actor shell) : shell_(std::move(shell)) {}

  void deliver(std::vector<Answer> answers) override {
    const bool urgent = std::any_of(answers.begin(), answers.end(), [](const Answer& answer) {
      return answer.outcome.timing.lane == Lane::urgent;
    });
    if (urgent)
      post_urgent(shell_, OutcomesForAgent{std::move(answers)});
    else
      post(shell_, OutcomesForAgent{std::move(answers)});
  }

 private:
  caf::actor shell_;
};

// For as long as something of that trace is dealt with; one may lead to another.
class AgentShell::Within {
 public:
  Within(Trace& current, const Trace& trace)
      : current_(current), before_(std::exchange(current, trace)) {}
  ~Within() { current_ = before_; }
  Within(const Within&) = delete;
  Within& operator=(const Within&) = delete;

 private:
  Trace& current_;
  const Trace before_;
};

caf::behavior AgentShell::make_behavior() {
  start();
  return {
      [this](Deliver& delivery) { receive(std::move(delivery.mail)); },
      [this](OutcomesForAgent& outcomes) {
        for (const Answer& answer : outcomes.answers) {
          // What an earlier life asked for means nothing to this one; and each may end it.
          const Within within(trace_, trace_of(answer.outcome.id));
          if (state_ == State::running && answer.tag == incarnation_)
            run(nullptr, [&] { agent_->on_outcome(*this, answer.outcome); });
          tasks_end(1);
        }
        if (moved_ && tasks_ == 0 && state_ != State::leaving) leave();
      },
      [this](const MoveAway&) { move_away(); },
      [this](const TimerFired& fired) {
        if (state_ == State::running && !moved_ && fired.incarnation == incarnation_)
          run(nullptr, [&] { agent_->on_timer(*this, fired.timer); });
      },
      [this](const Restart& restart) {
        if (state_ == State::leaving)
          quit();
        else if (moved_)
          leave();
        else if (state_ == State::backing_off && restart.incarnation == incarnation_)
          start();
      },
  };
}

void AgentShell::on_exit() {
  if (agent_ != nullptr) {
    try {
      agent_->on_stop(*this);
    } catch (const std::exception& failure) {
      log().warn("an agent threw while it was stopped",
                 {{"agent", to_string(id_)}, {"what", failure.what()}});
    } catch (...) {
      log().warn("an agent threw while it was stopped", {{"agent", to_string(id_)}});
    }
    agent_.reset();
  }
  outcomes_.reset();
  traces_.clear();
  tasks_end(tasks_);  // whose outcomes nobody reads any more
  world_.directory->gone();
}

void AgentShell::become(State state) {
  state_ = state;
  vitals_->became(state);
}

void AgentShell::start() {
  ++incarnation_;
  vitals_->started();
  become(State::running);
  run(nullptr, [this] {
    agent_ = module_->create(id_);
    if (agent_ == nullptr) throw std::runtime_error("its module made no agent");
    agent_->on_start(*this);
  });
  while (state_ == State::running && !stash_.empty()) {
    const AgentMail mail = std::move(stash_.front());
    stash_.pop_front();
    receive(AgentMail(mail));
  }
}

void AgentShell::receive(AgentMail&& mail) {
  vitals_->mail_taken();
  const Within within(trace_, mail.trace);
  switch (state_) {
    case State::running:
      run(&mail, [&] { agent_->on_message(*this, mail); });
      return;
    case State::backing_off:
      if (stash_.size() < world_.stash_messages_max) {
        vitals_->mail_came();
        stash_.push_back(std::move(mail));
      } else {
        answer_with_error(
            mail, {ErrorCode::queue_full, to_string(id_) + " is restarting and its stash is full",
                   "retry later"});
      }
      return;
    case State::down:
      answer_with_error(
          mail, {ErrorCode::handler_failed, to_string(id_) + " failed too often and stays down",
                 "look for its failures in the log of " + world_.node});
      return;
    case State::leaving:
      if (auto passed_on = world_.bridge->send(id_, std::move(mail)); !passed_on)
        log().debug("mail for an agent that left was dropped", {{"agent", to_string(id_)}});
      return;
  }
}

template <class Handler>
void AgentShell::run(const AgentMail* cause, Handler handler) {
  vitals_->active(now());
  try {
    handler();
  } catch (const std::exception& failure) {
    crashed(failure.what(), cause);
  } catch (...) {
    crashed("something that is not an exception", cause);
  }
  if (stopping_ && state_ == State::running) leave();
}

void AgentShell::crashed(const std::string& what, const AgentMail* cause) {
  agent_.reset();
  stopping_ = false;
  if (cause != nullptr)
    answer_with_error(*cause, {ErrorCode::handler_failed, to_string(id_) + " failed: " + what,
                               "the message was dropped; fix the handler or the message"});
  const auto wait = budget_.crashed(now());
  if (!wait) {
    become(State::down);
    log().error("an agent failed too often and stays down",
                {{"agent", to_string(id_)}, {"what", what}}, trace_);
    for (const auto& mail : std::exchange(stash_, {})) receive(AgentMail(mail));
    return;
  }
  become(State::backing_off);
  log().warn("an agent failed and will be restarted",
             {{"agent", to_string(id_)},
              {"what", what},
              {"backoff_ms", static_cast<double>(wait->count()) / 1e6}},
             trace_);
  post(world_.timers, ArmTimer{now() + *wait, this, incarnation_, 0, true});
}

void AgentShell::answer_with_error(const AgentMail& mail, const Error& error) {
  if (mail.topic == error_topic) return;
  if (const auto sent = reply(mail.from, error_topic, error_body(error)); !sent)
    log().debug("nobody could be told of a failure",
                {{"agent", to_string(id_)}, {"what", error.what}}, mail.trace);
}

// What it asked for it still hears, because nobody else could make use of it.
void AgentShell::move_away() {
  if (state_ == State::leaving) return;
  moved_ = true;
  if (state_ != State::running || tasks_ == 0) return leave();
  post(world_.timers, ArmTimer{now() + move_limit, this, incarnation_, 0, true});
}

// Mail that is in the mailbox already reaches the successor: the name is free from here on, and
// this shell quits behind what was sent to it so far.
void AgentShell::leave() {
  become(State::leaving);
  if (agent_ != nullptr) run(nullptr, [this] { agent_->on_stop(*this); });
  agent_.reset();
  become(State::leaving);
  world_.directory->remove(id_, this);
  for (auto& mail : std::exchange(stash_, {})) receive(AgentMail(mail));
  post(caf::actor{this}, Restart{});
}

ReplyTo AgentShell::reply_to_me() {
  if (!outcomes_) outcomes_ = std::make_shared<Outcomes>(caf::actor{this});
  return {outcomes_, incarnation_};
}

// A task of ours, before it is submitted.
TaskId AgentShell::prepare(TaskRequest& request) {
  request.id = world_.next_task_id();
  request.agent = name_;
  if (request.trace.is_none()) request.trace = trace_;
  if (!request.trace.is_none()) traces_.emplace(request.id, request.trace);
  task_begins();
  return request.id;
}

void AgentShell::refused(TaskId task) {
  traces_.erase(task);
  tasks_end(1);
}

// And forgets it: the task has its outcome.
Trace AgentShell::trace_of(TaskId task) {
  if (traces_.empty()) return {};
  const auto traced = traces_.extract(task);
  return traced.empty() ? Trace{} : traced.mapped();
}

void AgentShell::task_begins() {
  vitals_->has_tasks(++tasks_);
  world_.in_hand.add();
}

void AgentShell::tasks_end(std::uint64_t count) {
  vitals_->has_tasks(tasks_ -= count);
  world_.in_hand.remove(count);
}

Instant AgentShell::now() const {
  return troupe::now();
}

std::vector<std::string> AgentShell::nodes() const {
  return world_.members->names();
}

Status AgentShell::send(const AgentId& to, std::string topic, std::string body) {
  return world_.bridge->send(to, {Sender{id_, 0, 0}, std::move(topic), std::move(body), trace_});
}

Status AgentShell::reply(const Sender& to, std::string topic, std::string body) {
  return world_.bridge->reply(to, id_, std::move(topic), std::move(body), trace_);
}

Result<TaskId> AgentShell::submit(TaskRequest request) {
  const TaskId id = prepare(request);
  if (auto accepted = world_.bridge->submit(std::move(request), reply_to_me()); !accepted) {
    refused(id);
    return accepted.error();
  }
  return id;
}

Result<TaskId> AgentShell::submit_on(std::string_view node, TaskRequest request) {
  const TaskId id = prepare(request);
  const Status sent = node == world_.node
                          ? world_.door->submit(std::move(request), reply_to_me())
                          : world_.bridge->submit_on(node, std::move(request), reply_to_me());
  if (!sent) {
    refused(id);
    return sent.error();
  }
  return id;
}

void AgentShell::cancel(TaskId task) {
  world_.door->cancel(task);
  world_.bridge->cancel(task);
}

void AgentShell::raise(TaskId task, std::optional<Duration> time_limit) {
  world_.door->raise(task, time_limit ? later(now(), *time_limit) : never);
}

Status AgentShell::remember(std::uint64_t document, std::span<const float> vector) {
  return world_.memory->append(id_, document, vector);
}

void AgentShell::forget() {
  world_.memory->forget(id_);
}

bool AgentShell::forget(std::uint64_t document) {
  return world_.memory->forget(id_, document);
}

TimerId AgentShell::after(Duration delay) {
  const TimerId timer = ++timers_;
  post(world_.timers, ArmTimer{later(now(), delay), this, incarnation_, timer, false});
  return timer;
}

}  // namespace troupe::actors
