// Agents of type `counter`. Each counts what it is sent, under its own address: counter/apples,
// counter/pears. They understand
//
//   add 3               answered with `total`, at once
//   tokens MODEL TEXT   answered with `tokens`: how many MODEL reads TEXT as. A task for a device
//   total_in 500        answered with `total`, half a second later. A timer
#include <troupe/agent_module.hpp>

#include <charconv>
#include <chrono>
#include <map>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>

namespace {

namespace actors = troupe::actors;

// What a handler throws goes to the sender as an `error`. The node then goes on with a new object
// of this class, so what it had counted is lost; the messages that wait for it are not.
long number_in(const std::string& text) {
  long number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, status] = std::from_chars(text.data(), end, number);
  if (status != std::errc{} || rest != end || number < 0 || number > 1'000'000)
    throw std::invalid_argument("'" + text + "' is not a number from 0 to 1000000");
  return number;
}

// Handlers run one at a time and must return soon: they never wait for anything, but are called
// again when it has come.
class Counter final : public actors::Agent {
 public:
  void on_message(actors::Context& context, const actors::AgentMail& mail) override {
    if (mail.topic == "error") return;  // an answer of ours found nobody
    if (mail.topic == "add") {
      total_ += number_in(mail.body);
      answer(context, mail.from, "total", std::to_string(total_));
    } else if (mail.topic == "tokens") {
      count_tokens(context, mail);
    } else if (mail.topic == "total_in") {
      const auto timer = context.after(std::chrono::milliseconds(number_in(mail.body)));
      wait_for_total_[timer] = mail.from;
    } else {
      throw std::invalid_argument("this agent does not understand '" + mail.topic + "'");
    }
  }

  void on_outcome(actors::Context& context, const troupe::TaskOutcome& outcome) override {
    const auto asked = wait_for_tokens_.extract(outcome.id);
    if (!asked) return;
    if (outcome.result) {
      const auto& embedding = std::get<troupe::Embedding>(*outcome.result);
      answer(context, asked.mapped(), "tokens", std::to_string(embedding.tokens));
    } else {
      answer(context, asked.mapped(), "failed", outcome.result.error().to_string());
    }
  }

  void on_timer(actors::Context& context, actors::TimerId timer) override {
    const auto asked = wait_for_total_.extract(timer);
    if (asked) answer(context, asked.mapped(), "total", std::to_string(total_));
  }

 private:
  void count_tokens(actors::Context& context, const actors::AgentMail& mail) {
    const auto space = mail.body.find(' ');
    if (space == std::string::npos) throw std::invalid_argument("write MODEL TEXT");
    troupe::TaskRequest task;
    task.model = mail.body.substr(0, space);
    task.work = troupe::Encode{mail.body.substr(space + 1)};
    const auto id = context.submit(std::move(task));
    if (id)
      wait_for_tokens_[*id] = mail.from;  // on_outcome() follows, exactly once
    else
      answer(context, mail.from, "failed", id.error().to_string());
  }

  static void answer(actors::Context& context, const actors::Sender& to, std::string topic,
                     std::string body) {
    const auto sent = context.reply(to, std::move(topic), std::move(body));
    if (!sent) context.log().debug("nobody was there for an answer", {{"what", sent.error().what}});
  }

  long total_ = 0;
  std::unordered_map<troupe::TaskId, actors::Sender> wait_for_tokens_;
  std::map<actors::TimerId, actors::Sender> wait_for_total_;
};

class CounterModule final : public actors::AgentModule {
 public:
  [[nodiscard]] std::string_view type() const override { return "counter"; }
  std::unique_ptr<actors::Agent> create(const troupe::AgentId&) override {
    return std::make_unique<Counter>();
  }
};

}  // namespace

TROUPE_AGENT_MODULE(CounterModule);
