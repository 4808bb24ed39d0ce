// Calls the agent's handlers without a cluster: FakeContext records what they do, and the test
// plays the devices and the clock. (troupe/testing.hpp)
#include <troupe/testing.hpp>

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>

namespace {

namespace actors = troupe::actors;
using namespace std::chrono_literals;

int failures = 0;

void check(bool holds, const char* what) {
  if (holds) return;
  ++failures;
  std::printf("FAILED: %s\n", what);
}

struct Play {
  std::unique_ptr<actors::AgentModule> module = actors::linked_module();
  actors::FakeContext context{{"counter", "x"}};
  std::unique_ptr<actors::Agent> agent = module->create(context.self());

  void tell(const std::string& topic, const std::string& body) {
    actors::Sender tester;
    tester.agent = {"tester", "1"};
    agent->on_message(context, {tester, topic, body});
  }
  [[nodiscard]] bool last_answer_is(const std::string& topic, const std::string& body) const {
    return !context.replies.empty() && context.replies.back().topic == topic &&
           context.replies.back().body == body;
  }
};

void it_adds() {
  Play play;
  play.tell("add", "3");
  play.tell("add", "4");
  check(play.last_answer_is("total", "7"), "3 and 4 are 7");
}

void it_counts_tokens_on_a_device() {
  Play play;
  play.tell("tokens", "minilm hello world");
  check(play.context.submitted.size() == 1, "one task is submitted");
  check(play.context.replies.empty(), "there is no answer before its outcome");
  troupe::Embedding embedding;
  embedding.tokens = 4;
  play.context.finish(*play.agent, play.context.waiting().at(0), troupe::Output(embedding));
  check(play.last_answer_is("tokens", "4"), "the outcome is passed on");

  play.context.refuse_tasks = troupe::Error{troupe::ErrorCode::model_missing, "no such model", ""};
  play.tell("tokens", "nobodys hello");
  check(play.last_answer_is("failed", "model_missing: no such model"), "a refusal is told");
}

void it_answers_later() {
  Play play;
  play.tell("total_in", "500");
  play.context.advance(*play.agent, 499ms);
  check(play.context.replies.empty(), "no answer before its time");
  play.context.advance(*play.agent, 1ms);
  check(play.last_answer_is("total", "0"), "an answer at its time");
}

void it_refuses_what_makes_no_sense() {
  Play play;
  for (const std::string body : {"", "x", "-1", "3 apples"}) {
    bool refused = false;
    try {
      play.tell("add", body);
    } catch (const std::invalid_argument&) {
      refused = true;
    }
    check(refused, "what is no number is refused");
  }
}

}  // namespace

int main() {
  it_adds();
  it_counts_tokens_on_a_device();
  it_answers_later();
  it_refuses_what_makes_no_sense();
  if (failures == 0) std::puts("all is as it should be");
  return failures == 0 ? 0 : 1;
}
