// A module as it should be: its agents echo, and throw when they are asked to.
#include <stdexcept>

#include "actors/agent_module.hpp"

namespace {

using namespace troupe;

struct Echo final : actors::Agent {
  void on_message(actors::Context& context, const actors::AgentMail& mail) override {
    if (mail.topic == "break") throw std::runtime_error("as asked");
    const auto sent = context.reply(mail.from, mail.topic, mail.body);
    if (!sent) throw std::runtime_error(sent.error().what);
  }
};

struct EchoModule final : actors::AgentModule {
  [[nodiscard]] std::string_view type() const override { return "echo"; }
  std::unique_ptr<actors::Agent> create(const AgentId& id) override {
    if (id.key == "unborn") throw std::runtime_error("cannot be made");
    return std::make_unique<Echo>();
  }
};

}  // namespace

TROUPE_AGENT_MODULE(EchoModule);
