// What one loop of the server has under way: requests become tasks (desk_work.cpp), and their
// outcomes become responses; what can be answered at once is (desk.cpp). Everything runs on the
// loop's thread but the mailbox, into which the dispatcher's thread puts outcomes.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/reply.hpp"
#include "base/trace.hpp"
#include "gateway/body_reader.hpp"
#include "gateway/event_streams.hpp"
#include "gateway/forms.hpp"
#include "gateway/front_door.hpp"
#include "gateway/routes.hpp"

namespace troupe::gateway {

class Desk {
 public:
  static constexpr std::size_t texts_max = 1024;      // in a request that is waited for
  static constexpr std::size_t job_texts_max = 8192;  // in one that is not (gateway/jobs.hpp)

  // `door`, with its server, outlives it.
  Desk(std::size_t loop, FrontDoor& door);
  ~Desk();
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  void take(Request&& request, std::shared_ptr<Exchange> exchange);

  // Lets go of those who watch the node live. On the loop's thread.
  void finish_streams() {
    status_streams_.finish();
    job_streams_.finish();
  }

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
    Trace trace;               // of its own span
    std::uint64_t parent = 0;  // of the client's
    std::string method;
    bool by_grpc = false;
    Instant begin;
  };
  // A call that needs tasks: one for each text. Whoever waits for the answer has all of them on
  // their way at once; those of a job go in a few at a time and wait where the queue is full.
  struct Work {
    Call call;
    std::string job;  // its id; empty: the call's exchange waits
    std::function<Response(const Work&)> respond;
    TaskRequest like;  // each task, but for its text
    std::vector<std::string> texts;
    std::deque<std::uint32_t> waiting;  // texts that are not on their way, by number
    std::size_t out = 0;                // that are
    std::size_t done = 0;
    bool retrying = false;  // a timer runs, to try again
    std::vector<TaskId> tasks;
    std::vector<Embedding> rows;
  };

  [[nodiscard]] EventStreams::After after();
  [[nodiscard]] Call begin(const Request& request, std::shared_ptr<Exchange> exchange);
  void note(Call& call, Response& response);
  void record_span(const Call& call, unsigned status);
  void answer(Call& call, Response&& response);
  void refuse(Call& call, const Error& why, unsigned status = 0);
  void dispatch(Call&& call, Request&& request);
  void watch(Call&& call, bool head_only, EventStreams& streams, NextEvent next);
  [[nodiscard]] NextEvent status_events();
  void ask_job(Call&& call, const Request& request);

  void infer(Call&& call, Request&& request);
  void embeddings(Call&& call, Request&& request);
  void start(Call&& call, Request&& request, std::uint32_t model, std::vector<std::string>&& texts,
             const Wishes& wishes, std::function<Response(const Work&)> respond);
  Status begin_job(Work& work, std::uint64_t number, std::uint32_t model, std::size_t bytes);
  void change_model(Call&& call);
  void feed(std::uint64_t number);
  void feed_later(std::uint64_t number);
  void withdraw(const Work& work);
  static Response answer_of(const Work& work);
  static void name_tasks(const Work& work, Response& response);
  void deliver(std::vector<actors::Answer>&& answers);
  void deliver(actors::Answer&& one);
  void complete(std::uint64_t number);
  void fail(std::uint64_t number, const Error& why);
  void gone(std::uint64_t number);
  void cancel_job(std::uint64_t number);
  // A model's number, and what is true of it now.
  [[nodiscard]] std::optional<std::uint32_t> find_model(const std::string& name) const;
  [[nodiscard]] actors::ModelFacts facts_of(std::uint32_t model) const;
  [[nodiscard]] Response ready(const Call& call) const;

  const std::size_t loop_;
  FrontDoor& door_;
  BodyReader reader_;
  std::shared_ptr<Mailbox> mailbox_;
  std::unordered_map<std::uint64_t, Work> works_;  // by number
  std::uint64_t works_begun_ = 0;
  std::string status_event_;  // as it was in status_round_
  std::uint64_t status_round_ = 0;
  EventStreams status_streams_;
  EventStreams job_streams_;
};

}  // namespace troupe::gateway
