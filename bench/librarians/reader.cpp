#include "bench/librarians/reader.hpp"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

#include "bench/librarians/protocol.hpp"

namespace troupe::bench {
namespace {

class Reader final : public actors::Agent {
 public:
  void on_message(actors::Context& context, const actors::AgentMail& mail) override {
    if (mail.topic == "error") return;
    if (mail.topic == "rest") {
      orders_.questions.clear();
      return;
    }
    if (mail.topic != "read") throw std::invalid_argument("a reader does not " + mail.topic);
    auto orders = from_json<Read>(mail.body);
    if (!orders) throw std::invalid_argument(orders.error().what);
    if (orders->questions.empty() || orders->period <= Duration::zero())
      throw std::invalid_argument("a reader needs questions and a period");
    orders_ = std::move(*orders);
    asked_by_ = mail.from;
    asked_ = 0;
    due_ = context.now() + orders_.first;
    timer_ = context.after(orders_.first);
  }

  // Time for the next question. Latency counts from `due_`: a late timer is the reader's fault.
  void on_timer(actors::Context& context, actors::TimerId timer) override {
    if (timer != timer_ || orders_.questions.empty()) return;  // of earlier orders
    const auto count = orders_.questions.size();
    const std::uint64_t index = (orders_.offset + asked_) % count;
    ask(context, index, due_);
    ++asked_;
    if (orders_.rounds != 0 && asked_ >= std::uint64_t{orders_.rounds} * count) return;
    due_ += orders_.period;
    timer_ = context.after(std::max(Duration::zero(), due_ - context.now()));
  }

  void on_outcome(actors::Context& context, const TaskOutcome& outcome) override {
    const auto task = tasks_.find(outcome.id);
    if (task == tasks_.end()) return;
    const auto question = open_.find(task->second);
    tasks_.erase(task);
    if (question == open_.end()) return;  // another part of it failed already
    Question& asked = question->second;
    if (!outcome.result)
      return finish(context, question->first, std::string(name(outcome.result.error().code)));
    if (const auto* embedding = std::get_if<Embedding>(&*outcome.result))
      return search(context, question->first, embedding->vector);
    const auto& found = std::get<Hits>(*outcome.result).hits;
    asked.hits.insert(asked.hits.end(), found.begin(), found.end());
    if (--asked.shelves_missing == 0) finish(context, question->first, "");
  }

 private:
  struct Question {
    std::uint64_t index = 0;
    Instant due;
    std::size_t shelves_missing = 0;  // nodes whose hits are not in yet
    std::vector<Hit> hits;
  };

  void ask(actors::Context& context, std::uint64_t index, Instant due) {
    const std::uint64_t number = ++last_question_;
    open_[number] = {index, due, 0, {}};
    TaskRequest task;
    task.model = orders_.model;
    task.work = Encode{orders_.questions[index]};
    submit(context, number, context.node(), std::move(task));
  }

  void search(actors::Context& context, std::uint64_t number, const std::vector<float>& query) {
    const auto nodes = context.nodes();
    open_[number].shelves_missing = nodes.size();
    for (const auto& node : nodes) {
      if (!open_.contains(number)) return;  // the last one failed at once
      TaskRequest task;
      task.work = Recall{std::string(librarian_type) + "/*", query, orders_.k};
      submit(context, number, node, std::move(task));
    }
  }

  void submit(actors::Context& context, std::uint64_t number, const std::string& node,
              TaskRequest task) {
    task.lane = Lane::urgent;
    task.time_limit = open_[number].due + orders_.time_limit - context.now();
    const auto submitted = context.submit_on(node, std::move(task));
    if (submitted)
      tasks_.emplace(*submitted, number);
    else
      finish(context, number, std::string(name(submitted.error().code)));
  }

  void finish(actors::Context& context, std::uint64_t number, std::string error) {
    Question question = std::move(open_[number]);
    open_.erase(number);
    std::sort(question.hits.begin(), question.hits.end(), [](const Hit& a, const Hit& b) {
      return a.score != b.score ? a.score > b.score : a.document < b.document;
    });
    if (question.hits.size() > orders_.k) question.hits.resize(orders_.k);
    const Answered answer{question.index, context.now() - question.due, error.empty(),
                          std::move(error), std::move(question.hits)};
    if (auto sent = context.reply(asked_by_, "answered", to_json(answer)); !sent)
      context.log().debug("the scenario could not be answered", {{"what", sent.error().what}});
  }

  Read orders_;
  actors::Sender asked_by_;
  std::uint64_t asked_ = 0;
  Instant due_;
  actors::TimerId timer_ = 0;
  std::uint64_t last_question_ = 0;
  std::unordered_map<std::uint64_t, Question> open_;
  std::unordered_map<TaskId, std::uint64_t> tasks_;  // -> question
};

class Module final : public actors::AgentModule {
 public:
  [[nodiscard]] std::string_view type() const override { return reader_type; }
  std::unique_ptr<actors::Agent> create(const AgentId&) override {
    return std::make_unique<Reader>();
  }
};

}  // namespace

std::shared_ptr<actors::AgentModule> reader_module() {
  return std::make_shared<Module>();
}

}  // namespace troupe::bench
