// Three exchanges on a virtual clock, joined by a network in memory that a test cuts and heals.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "actors/exchange.hpp"
#include "tests/catch.hpp"

namespace troupe::tests::exchange {

using namespace std::chrono_literals;
using actors::Answer;
using actors::Exchange;
using delivery::NodeId;
using transport::PeerId;

inline constexpr std::uint32_t nodes = 3;
inline constexpr Duration lease = 3s;
inline constexpr Duration hop = 1ms;

struct Asked final : actors::ReplySink {
  void deliver(std::vector<Answer> answers) override {
    for (auto& answer : answers) outcomes.push_back(std::move(answer.outcome));
  }
  std::vector<TaskOutcome> outcomes;
};

// A connection is numbered by who dialed and who was dialed; both ends know it by that number.
inline PeerId connection(std::uint32_t from, std::uint32_t to) {
  return {1 + from * nodes + to};
}

// From here on: clients' connections.
inline constexpr PeerId first_client{1000};

struct World {
  struct Process {
    std::uint64_t epoch = 0;
    std::unique_ptr<Exchange> exchange;  // none: dead
    std::uint64_t ids = 0;
    int ran = 0;
    bool draining = false;
    actors::Busyness busyness;
    std::optional<ErrorCode> refuses;
  };

  Instant now{1h};
  std::multimap<Instant, std::function<void()>> agenda;
  std::array<Process, nodes> processes;
  std::set<std::pair<std::uint32_t, std::uint32_t>> cut;
  std::shared_ptr<Asked> asked = std::make_shared<Asked>();
  bool speaks_delivery = true;
  bool no_result_is_valid = false;
  Duration takes = 20ms;  // a task on its device
  std::uint64_t epochs = 0;
  PeerId offered_on{};  // the last offer's connection
  std::vector<std::pair<PeerId, transport::Message>> to_clients;

  bool hedge = false;
  std::optional<Lane> lane;  // of the tasks that are submitted

  explicit World(bool hedges = false) : hedge(hedges) {
    for (std::uint32_t i = 0; i < nodes; ++i) start(i);
  }

  void in(Duration delay, std::function<void()> what) {
    agenda.emplace(now + delay, std::move(what));
  }

  // Does `what` at process i unless that one has ended by then.
  void at(std::uint32_t i, Duration delay, std::function<void(Exchange&)> what) {
    in(delay, [this, i, epoch = processes[i].epoch, what = std::move(what)] {
      if (processes[i].exchange && processes[i].epoch == epoch) what(*processes[i].exchange);
    });
  }

  void start(std::uint32_t i) {
    Process& process = processes[i];
    process = {};
    process.epoch = ++epochs;
    Exchange::Outside outside;
    outside.now = [this] { return now; };
    outside.send = [this, i](PeerId peer, Lane, const transport::Message& message) -> Status {
      if (std::holds_alternative<transport::SubmitTask>(message)) offered_on = peer;
      const auto* result = std::get_if<transport::TaskResult>(&message);
      if (result != nullptr && result->outcome.result && no_result_is_valid)
        return Error{ErrorCode::invalid_argument, "a number is not finite", ""};
      send(i, peer, message);
      return {};
    };
    outside.run = [this, i](TaskRequest request, actors::ReplyTo reply, TaskId) -> Status {
      if (processes[i].draining) return Error{ErrorCode::draining, "going", ""};
      if (processes[i].refuses) return Error{*processes[i].refuses, "not here", ""};
      ++processes[i].ran;
      TaskOutcome outcome{request.id, Output{Embedding{{1.0F}, 1, false}}, {}};
      at(i, takes,
         [reply, outcome](Exchange&) { actors::answer_one(reply, TaskOutcome(outcome)); });
      return {};
    };
    outside.stop_running = [](TaskId) {};
    outside.next_id = [this, i] {
      return TaskId{processes[i].epoch, 1'000'000 + ++processes[i].ids};
    };
    outside.nudge = [this, i] { work_later(i, 0s); };
    outside.busyness = [this, i] { return processes[i].busyness; };
    process.exchange = std::make_unique<Exchange>(
        Exchange::Options{{"a", "b", "c"}, NodeId{i}, i, std::uint64_t{1} << 20, nullptr, hedge},
        outside);
    for (std::uint32_t j = 0; j < nodes; ++j)
      if (j != i && processes[j].exchange) join(i, j);
  }

  void work_later(std::uint32_t i, Duration delay) {
    at(i, delay, [this, i](Exchange& exchange) {
      if (const auto next = exchange.work()) work_later(i, std::max(0ns, *next - now));
    });
  }

  // Both hear that the other is there: each dialed, each was dialed.
  void join(std::uint32_t i, std::uint32_t j) {
    for (const auto& [me, other] : {std::pair{i, j}, std::pair{j, i}}) {
      const transport::PeerInfo info{std::string(1, static_cast<char>('a' + other)),
                                     transport::Role::node, processes[other].epoch,
                                     speaks_delivery};
      processes[me].exchange->node_up(NodeId{other}, connection(me, other), info);
      processes[me].exchange->guest_up(connection(other, me), info);
    }
  }
  void part(std::uint32_t me, std::uint32_t other) {
    if (!processes[me].exchange) return;
    processes[me].exchange->node_down(NodeId{other});
    processes[me].exchange->guest_down(connection(other, me));
  }

  void send(std::uint32_t from, PeerId peer, transport::Message message) {
    if (peer >= first_client) {
      to_clients.emplace_back(peer, std::move(message));
      return;
    }
    const auto dialer = static_cast<std::uint32_t>((peer.value - 1) / nodes);
    const auto dialed = static_cast<std::uint32_t>((peer.value - 1) % nodes);
    const std::uint32_t to = from == dialer ? dialed : dialer;
    if (cut.contains(std::minmax(from, to))) return;
    at(to, hop, [this, from, to, peer, message](Exchange& exchange) {
      if (cut.contains(std::minmax(from, to))) return;
      std::visit(
          [&](auto one) {
            if constexpr (requires { exchange.heard(peer, std::move(one)); })
              exchange.heard(peer, std::move(one));
          },
          message);
    });
  }

  void sever(std::uint32_t i, std::uint32_t j) {
    cut.insert(std::minmax(i, j));
    in(lease, [this, i, j] {
      part(i, j);
      part(j, i);
    });
  }
  void heal(std::uint32_t i, std::uint32_t j) {
    cut.erase(std::minmax(i, j));
    join(i, j);
  }
  // As kill -9, noticed at once.
  void kill(std::uint32_t i) {
    processes[i].exchange.reset();
    for (std::uint32_t j = 0; j < nodes; ++j)
      if (j != i) part(j, i);
  }

  void submit(std::uint32_t from, std::uint32_t to, std::uint64_t number, Work work = Encode{"x"},
              std::optional<Duration> limit = {}) {
    TaskRequest request;
    request.id = {processes[from].epoch, number};
    request.work = std::move(work);
    request.time_limit = limit;
    request.lane = lane;
    REQUIRE(processes[from].exchange->submit(NodeId{to}, std::move(request), {asked, 0}));
  }

  void run(Duration time) {
    const Instant end = now + time;
    while (!agenda.empty() && agenda.begin()->first <= end) {
      const auto next = agenda.begin();
      now = std::max(now, next->first);
      const auto what = std::move(next->second);
      agenda.erase(next);
      what();
    }
    now = end;
  }

  // Each task has had one outcome, and it was done.
  void check_all_done(std::size_t tasks) {
    std::set<TaskId> had;
    for (const auto& outcome : asked->outcomes) {
      CHECK(had.insert(outcome.id).second);
      CHECK(outcome.result);
    }
    CHECK(had.size() == tasks);
  }
};

}  // namespace troupe::tests::exchange
