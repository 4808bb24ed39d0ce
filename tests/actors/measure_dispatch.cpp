// Not a test: what a task costs that costs nothing. Agents in a closed loop on a device that is
// done at once; the whole way of a task: door, dispatcher, policy, device and back.
//
//   test_actors "[measure]"
//
// The agents' own work is in it: tokenizing a word, and a message for each batch of outcomes.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "base/clock.hpp"
#include "base/histogram.hpp"
#include "tests/actors/devices.hpp"
#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using actors::AgentMail;
using actors::Context;

namespace {

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Loop final : actors::Agent {
  int left = 0;
  int out = 0;
  AgentMail asked;
  std::map<TaskId, Instant> sent;
  DurationHistogram latency;
  bool timed = false;

  void one_more(Context& context) {
    TaskRequest task;
    task.model = "tiny";
    task.work = Encode{"x"};
    const Instant at = timed ? now() : Instant{};
    const auto id = context.submit(std::move(task));
    if (!id) std::abort();
    if (timed) sent[*id] = at;
    --left;
    ++out;
  }
  void on_message(Context& context, const AgentMail& mail) override {
    asked = mail;
    const int window = std::atoi(mail.topic.c_str());
    left = std::atoi(mail.body.c_str());
    timed = window == 1;
    while (left > 0 && out < window) one_more(context);
  }
  void on_outcome(Context& context, const TaskOutcome& outcome) override {
    --out;
    if (!outcome.result) std::abort();
    if (timed) {
      latency.add(now() - sent.at(outcome.id));
      sent.erase(outcome.id);
    }
    if (left > 0) one_more(context);
    if (out > 0) return;
    const auto us = [&](double q) {
      return std::to_string(static_cast<double>(latency.quantile(q).count()) / 1e3);
    };
    const auto replied =
        context.reply(asked.from, "done", timed ? "p50 " + us(0.5) + " us, p99 " + us(0.99) : "");
    if (!replied) std::abort();
  }
};

void measure(int agents, int window, int tasks) {
  tests::TestCluster cluster{{"a"}};
  auto options = cluster.options(
      "a", {tests::module("loop", [](const AgentId&) { return std::make_unique<Loop>(); })});
  options.devices_open = {std::make_shared<tests::IdentityDevice>()};
  const auto node = cluster.start(std::move(options));
  const auto client = cluster.client({"a"});
  const double cpu = cpu_seconds();
  const Instant begin = now();
  for (int i = 0; i < agents; ++i)
    if (!client->send("a", {"loop", std::to_string(i)}, 1, std::to_string(window),
                      std::to_string(tasks / agents)))
      std::abort();
  std::string last;
  for (int i = 0; i < agents; ++i) {
    auto mail = client->receive(std::chrono::seconds(60));
    if (!mail) std::abort();
    last = mail->body;
  }
  const double took = static_cast<double>((now() - begin).count()) / 1e9;
  std::printf("%4d agents x %3d: %8.0f tasks/s, %5.2f us CPU per task  %s\n", agents, window,
              tasks / took, (cpu_seconds() - cpu) / tasks * 1e6, last.c_str());
}

}  // namespace

TEST_CASE("what a task costs that costs nothing", "[.][measure]") {
  constexpr int tasks = 400'000;
  measure(1, 1, tasks / 10);
  measure(1, 8, tasks);
  measure(1, 128, tasks);
  measure(2, 64, tasks);
  measure(8, 16, tasks);
  measure(128, 1, tasks);
}
