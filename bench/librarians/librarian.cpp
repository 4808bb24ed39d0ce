#include "bench/librarians/librarian.hpp"

#include <stdexcept>
#include <unordered_map>

#include "bench/librarians/protocol.hpp"

namespace troupe::bench {
namespace {

class Librarian final : public actors::Agent {
 public:
  void on_message(actors::Context& context, const actors::AgentMail& mail) override {
    if (mail.topic == "error") return;  // an answer of ours found nobody; the scenario asks again
    if (mail.topic != "shelve") throw std::invalid_argument("a librarian does not " + mail.topic);
    const auto shelve = from_json<Shelve>(mail.body);
    if (!shelve) throw std::invalid_argument(shelve.error().what);

    TaskRequest task;
    task.model = shelve->model;
    task.work = Encode{shelve->text};
    task.lane = Lane::ordinary;
    const Waiting waiting{shelve->document, mail.from, context.now()};
    const auto submitted = context.submit(std::move(task));
    if (submitted)
      waiting_.emplace(*submitted, waiting);
    else
      fail(context, waiting, submitted.error());
  }

  void on_outcome(actors::Context& context, const TaskOutcome& outcome) override {
    const auto found = waiting_.find(outcome.id);
    if (found == waiting_.end()) return;
    const Waiting waiting = std::move(found->second);
    waiting_.erase(found);
    if (!outcome.result) return fail(context, waiting, outcome.result.error());
    const auto& embedding = std::get<Embedding>(*outcome.result);
    if (auto kept = context.remember(waiting.document, embedding.vector); !kept)
      return fail(context, waiting, kept.error());
    answer(context, waiting,
           {waiting.document, true, "", "", embedding.tokens, embedding.truncated,
            context.now() - waiting.since});
  }

 private:
  struct Waiting {
    std::uint64_t document = 0;
    actors::Sender asked_by;
    Instant since;
  };

  static void fail(actors::Context& context, const Waiting& waiting, const Error& why) {
    answer(context, waiting,
           {waiting.document, false, std::string(name(why.code)), why.what, 0, false,
            context.now() - waiting.since});
  }

  static void answer(actors::Context& context, const Waiting& waiting, const Shelved& shelved) {
    if (auto sent = context.reply(waiting.asked_by, "shelved", to_json(shelved)); !sent)
      context.log().debug("the scenario could not be answered", {{"what", sent.error().what}});
  }

  std::unordered_map<TaskId, Waiting> waiting_;
};

class Module final : public actors::AgentModule {
 public:
  [[nodiscard]] std::string_view type() const override { return librarian_type; }
  std::unique_ptr<actors::Agent> create(const AgentId&) override {
    return std::make_unique<Librarian>();
  }
};

}  // namespace

std::shared_ptr<actors::AgentModule> librarian_module() {
  return std::make_shared<Module>();
}

}  // namespace troupe::bench
