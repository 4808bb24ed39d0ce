// Every CAF spelling that differs between its releases, in one place, so that moving from 0.17
// (what Debian and Ubuntu ship) to 1.x is a change to this file. Includes CAF for the whole room;
// the other rooms see actors only through actors/node.hpp.
#pragma once

#include <caf/all.hpp>
#include <exception>
#include <string>
#include <utility>

#include "base/log.hpp"
#include "base/time.hpp"

// CAF_VERSION of 1.1.0 is octal, so the major version is what can be compared.
static_assert(CAF_MAJOR_VERSION == 0, "actors/caf.hpp is written for CAF 0.17");

// At global scope, once for each message struct. The name is CAF's: such messages never leave the
// process, which holds for all of ours (between nodes speaks transport/).
#define TROUPE_MESSAGE(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(type)

namespace troupe::actors {

// From any thread. Urgent messages pass at most two ordinary ones; that is a hint, not a lane.
template <class Message>
void post(const caf::actor& to, Message&& message) {
  caf::anon_send(to, std::forward<Message>(message));
}
template <class Message>
void post_urgent(const caf::actor& to, Message&& message) {
  caf::anon_send<caf::message_priority::high>(to, std::forward<Message>(message));
}

// To itself, after a while. A pending one delays the system's exit by what is left of it: keep it
// short, and only in the few actors that live as long as the node.
template <class Message>
void post_self_later(caf::event_based_actor& self, Duration delay, Message&& message) {
  self.delayed_send(&self, delay, std::forward<Message>(message));
}

// Ends an actor from outside, past everything in its mailbox.
inline void post_exit(const caf::actor& to) {
  caf::anon_send_exit(to, caf::exit_reason::user_shutdown);
}

// The base of all our actors: the stock handlers print to stdout and swallow; these log. An
// exception that reaches CAF is a bug of ours (agents' exceptions are caught in their shell).
class Actor : public caf::event_based_actor {
 public:
  Actor(caf::actor_config& config, Log& log) : caf::event_based_actor(config), log_(log) {
    set_default_handler([this](caf::scheduled_actor*, caf::message_view& view) {
      log_.error("an actor dropped a message it does not know",
                 {{"actor", name()}, {"message", caf::to_string(view.move_content_to_message())}});
      return caf::result<caf::message>(caf::sec::unexpected_message);
    });
    set_exit_handler([this](caf::exit_msg& message) { quit(std::move(message.reason)); });
    set_exception_handler([this](std::exception_ptr& thrown) -> caf::error {
      try {
        std::rethrow_exception(thrown);
      } catch (const std::exception& failure) {
        log_.error("an actor threw and ends", {{"actor", name()}, {"what", failure.what()}});
      } catch (...) {
        log_.error("an actor threw and ends", {{"actor", name()}, {"what", "not an exception"}});
      }
      return caf::exit_reason::unhandled_exception;
    });
  }

 protected:
  Log& log() noexcept { return log_; }

 private:
  Log& log_;
};

// The system's settings, each measured: sharing wakes an idle actor in 8-15 us where stealing takes
// 50-62, and without a bound on messages per turn one backlogged actor starves the others for
// seconds.
inline void configure(caf::actor_system_config& config, std::size_t threads) {
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-threads", threads);
  config.set("scheduler.max-throughput", std::size_t{100});
}

}  // namespace troupe::actors
