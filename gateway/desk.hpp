// What one loop of the server has under way: requests become tasks, and their outcomes become
// responses. Everything runs on the loop's thread but the mailbox, into which the dispatcher's
// thread puts outcomes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/reply.hpp"
#include "gateway/body_reader.hpp"
#include "gateway/forms.hpp"
#include "gateway/front_door.hpp"
#include "gateway/routes.hpp"
#include "gateway/status_streams.hpp"
#include "gateway/traceparent.hpp"

namespace troupe::gateway {

class Desk {
 public:
  static constexpr std::size_t texts_max = 1024;  // in one request

  // `door`, with its server, outlives it.
  Desk(std::size_t loop, FrontDoor& door);
  ~Desk();
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  void take(Request&& request, std::shared_ptr<Exchange> exchange);

  // Lets go of those who watch the node live. On the loop's thread.
  void finish_streams() { streams_.finish(); }

  // Outcomes are dropped from now on. After the loop has ended; any thread.
  void close();

 private:
  class Mailbox;

  // A request on its way to its answer.
  struct Call {
    std::shared_ptr<Exchange> exchange;
    std::string target;
    std::string tenant;
    Route route;
    Trace trace;
    Instant begin;
  };
  // A call that waits for tasks: one for each text.
  struct Job {
    Call call;
    std::function<Response(const Job&)> respond;
    std::vector<TaskId> tasks;
    std::vector<Embedding> rows;
    std::size_t missing = 0;
  };

  [[nodiscard]] Call begin(const Request& request, std::shared_ptr<Exchange> exchange);
  void note(Call& call, Response& response);
  void answer(Call& call, Response&& response);
  void refuse(Call& call, const Error& why, unsigned status = 0);
  void dispatch(Call&& call, Request&& request);
  void infer(Call&& call, Request&& request);
  void embeddings(Call&& call, Request&& request);
  void start(Call&& call, const std::string& model, std::vector<std::string>&& texts,
             const Wishes& wishes, std::function<Response(const Job&)> respond);
  void withdraw(const Job& job);
  void deliver(std::vector<actors::Answer>&& answers);
  void deliver(actors::Answer&& one);
  void finish(std::uint64_t number, Response&& response);
  void gone(std::uint64_t number);
  void change_model(Call&& call);
  void watch(Call&& call, bool head_only);
  // A model's number, and what is true of it now.
  [[nodiscard]] std::optional<std::uint32_t> find_model(const std::string& name) const;
  [[nodiscard]] actors::ModelFacts facts_of(std::uint32_t model) const;
  [[nodiscard]] Response ready(const Call& call) const;

  FrontDoor& door_;
  BodyReader reader_;
  std::mt19937_64 random_;  // of span ids, which are no secrets
  std::shared_ptr<Mailbox> mailbox_;
  std::unordered_map<std::uint64_t, Job> jobs_;  // by number
  std::uint64_t jobs_begun_ = 0;
  StatusStreams streams_;
};

}  // namespace troupe::gateway
