// What of a desk's work takes its time: tasks, and what waits for them.
#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "base/clock.hpp"
#include "gateway/desk.hpp"

namespace troupe::gateway {
namespace {

constexpr std::size_t job_window = 256;  // tasks of a job that are on their way at a time
constexpr Duration job_retry = std::chrono::milliseconds(100);  // while the queue is full
constexpr std::size_t number_bytes = 16;   // of an answer, with the row that it comes from
constexpr std::size_t task_ids_max = 32;   // that a response names
constexpr std::size_t width_guess = 1024;  // of models that have not been loaded yet

constexpr Duration status_interval = std::chrono::seconds(1);
constexpr Duration job_interval = std::chrono::milliseconds(200);

// The texts of an infer request for an encoder; the request's first mistake otherwise.
Result<std::vector<std::string>> texts_of(InferRequest& request) {
  const auto wrong = [](std::string what, std::string next) {
    return Error{ErrorCode::invalid_argument, std::move(what), std::move(next)};
  };
  if (request.inputs.size() != 1 || request.inputs[0].name != text_tensor)
    return wrong("this model reads one input, '" + std::string(text_tensor) + "'",
                 "GET /v2/models/NAME describes it");
  InferInput& input = request.inputs[0];
  auto* texts = std::get_if<std::vector<std::string>>(&input.data);
  if (texts == nullptr)
    return wrong("input '" + input.name + "' must be of datatype BYTES", "send texts");
  if (input.shape.size() > 2 || (input.shape.size() == 2 && input.shape[1] != 1))
    return wrong("input '" + input.name + "' must have the shape [N] or [N, 1]",
                 "send one text for each row");
  for (const auto& output : request.outputs)
    if (output.name != embedding_tensor)
      return wrong("this model has no output '" + output.name + "'",
                   "ask for '" + std::string(embedding_tensor) + "'");
  return std::move(*texts);
}

}  // namespace

// Gathers outcomes of the dispatcher's thread until the loop comes by; one post for a burst.
class Desk::Mailbox final : public actors::ReplySink {
 public:
  using Post = std::function<void()>;
  explicit Mailbox(Post post) : post_(std::move(post)) {}

  void deliver(std::vector<actors::Answer> answers) override {
    const std::lock_guard lock(mutex_);
    if (!post_) return;
    const bool first = waiting_.empty();
    for (auto& one : answers) waiting_.push_back(std::move(one));
    if (first) post_();
  }

  std::vector<actors::Answer> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(waiting_, {});
  }

  void close() {
    const std::lock_guard lock(mutex_);
    post_ = nullptr;
    waiting_.clear();
  }

 private:
  std::mutex mutex_;
  Post post_;                            // guarded by mutex_, as what follows
  std::vector<actors::Answer> waiting_;  // not empty: a post is on its way
};

Desk::Desk(std::size_t loop, FrontDoor& door)
    : loop_(loop),
      door_(door),
      status_streams_(status_interval, after(), door.streams_),
      job_streams_(job_interval, after(), door.streams_) {
  mailbox_ = std::make_shared<Mailbox>(
      [this] { door_.server_->post(loop_, [this] { deliver(mailbox_->take()); }); });
}

EventStreams::After Desk::after() {
  return [this](Duration delay, std::function<void()> work) {
    door_.server_->post_after(loop_, delay, std::move(work));
  };
}

Desk::~Desk() = default;

void Desk::close() {
  mailbox_->close();
}

void Desk::infer(Call&& call, Request&& request) {
  auto read = reader_.infer(request.body, request.json_bytes);
  if (!read) return refuse(call, read.error());
  auto texts = texts_of(*read);
  if (!texts) return refuse(call, texts.error());
  const Wishes wishes = read->wishes;
  const std::uint32_t model = *find_model(call.route.model);
  read->inputs.clear();  // what it says of the answer is still needed
  start(std::move(call), std::move(request), model, std::move(*texts), wishes,
        [asked = std::move(*read)](const Work& work) {
          return infer_response(work.call.route.model, asked, work.tasks[0], work.rows);
        });
}

void Desk::embeddings(Call&& call, Request&& request) {
  auto read = reader_.embeddings(request.body);
  if (!read) return refuse(call, read.error());
  const auto model = find_model(read->model);
  if (!model) return refuse(call, no_such_model(read->model));
  const Wishes wishes = read->wishes;
  auto texts = std::exchange(read->input, {});
  start(std::move(call), std::move(request), *model, std::move(texts), wishes,
        [asked = std::move(*read)](const Work& work) {
          return embeddings_response(work.call.target, asked, work.rows);
        });
}

// The answer comes by the mailbox, as those of tasks do, so that nobody who has gone is answered.
void Desk::change_model(Call&& call) {
  if (!door_.options_.model_control)
    return refuse(call,
                  {ErrorCode::unsupported, "models are not loaded and unloaded by clients here",
                   "set model_control in [http], or use `troupe model`"});
  if (!door_.begin_work()) return refuse(call, going_away());
  const bool load = call.route.ask == Ask::load;
  const std::string model = call.route.model;
  const std::uint64_t number = works_begun_++;
  Work& work = works_[number];
  work.call = std::move(call);
  work.respond = [](const Work&) { return json_response("{}"); };
  work.rows.resize(1);
  work.out = 1;
  work.call.exchange->when_gone([this, number] { gone(number); });
  const auto done = [mailbox = mailbox_, number](const Status& changed) {
    TaskOutcome outcome;
    outcome.result = changed ? Result<Output>(Output(Embedding{})) : changed.error();
    actors::answer_one({mailbox, number * job_texts_max}, std::move(outcome));
  };
  load ? door_.node_.load_model(model, done) : door_.node_.unload_model(model, done);
}

void Desk::start(Call&& call, Request&& request, std::uint32_t model,
                 std::vector<std::string>&& texts, const Wishes& wishes,
                 std::function<Response(const Work&)> respond) {
  const bool later = prefers(request.prefer, "respond-async");
  const std::size_t most = later ? job_texts_max : texts_max;
  if (texts.empty() || texts.size() > most)
    return refuse(call, {texts.empty() ? ErrorCode::invalid_argument : ErrorCode::too_large,
                         "a request has 1 to " + std::to_string(most) + " texts, this one " +
                             std::to_string(texts.size()),
                         texts.empty() ? ""
                         : later       ? "send less at a time"
                                 : "send less at a time, or with `Prefer: respond-async`, up to " +
                                       std::to_string(job_texts_max)});
  if (!door_.begin_work()) return refuse(call, going_away());
  const std::uint64_t number = works_begun_++;
  Work& work = works_[number];
  work.call = std::move(call);
  work.respond = std::move(respond);
  work.like.model = door_.models_[model].name;
  work.like.tenant = work.call.tenant;
  work.like.lane = wishes.lane;
  work.like.time_limit = wishes.time_limit;
  work.like.weight = wishes.weight;
  work.like.trace = work.call.trace;
  // A span that nobody will see is nobody's parent.
  if (!door_.node_.tracer().records(work.call.trace) && work.call.parent != 0)
    work.like.trace.span = work.call.parent;
  work.texts = std::move(texts);
  work.rows.resize(work.texts.size());
  for (std::uint32_t i = 0; i < work.texts.size(); ++i) work.waiting.push_back(i);
  if (later) {
    if (auto begun = begin_job(work, number, model, request.body.size()); !begun)
      return fail(number, begun.error());
  } else {
    work.call.exchange->when_gone([this, number] { gone(number); });
  }
  feed(number);
}

// Answers that it has begun.
Status Desk::begin_job(Work& work, std::uint64_t number, std::uint32_t model, std::size_t bytes) {
  const std::size_t width = std::max<std::size_t>(facts_of(model).width, width_guess);
  auto id = door_.jobs_.begin(
      work.call.tenant, work.texts.size(), bytes + work.texts.size() * width * number_bytes,
      [this, number] { door_.server_->post(loop_, [this, number] { cancel_job(number); }); },
      now());
  if (!id) return id.error();
  work.job = *id;
  Response begun = job_response(work.job, *door_.jobs_.find(work.job, work.call.tenant, now()));
  begun.status = 202;
  begun.headers = {{"Location", job_path(work.job)}, {"Preference-Applied", "respond-async"}};
  answer(work.call, std::move(begun));
  work.call.exchange = nullptr;
  return {};
}

// Hands texts in, as many as may be on their way.
void Desk::feed(std::uint64_t number) {
  const auto found = works_.find(number);
  if (found == works_.end()) return;
  Work& work = found->second;
  const bool is_job = !work.job.empty();
  while (!work.waiting.empty() && (!is_job || work.out < job_window)) {
    const std::uint32_t i = work.waiting.front();
    TaskRequest task = work.like;
    task.work = Encode{is_job ? work.texts[i] : std::move(work.texts[i])};
    const auto id = door_.node_.submit(std::move(task), {mailbox_, number * job_texts_max + i});
    if (!id && is_job && id.error().code == ErrorCode::queue_full) return feed_later(number);
    if (!id) return fail(number, id.error());
    work.waiting.pop_front();
    work.tasks.push_back(*id);
    ++work.out;
  }
}

void Desk::feed_later(std::uint64_t number) {
  Work& work = works_.at(number);
  if (std::exchange(work.retrying, true)) return;
  door_.server_->post_after(loop_, job_retry, [this, number] {
    const auto found = works_.find(number);
    if (found == works_.end()) return;
    found->second.retrying = false;
    feed(number);
  });
}

// Tasks that have had their outcome do not mind.
void Desk::withdraw(const Work& work) {
  for (const TaskId task : work.tasks) door_.node_.cancel(task);
}

void Desk::deliver(std::vector<actors::Answer>&& answers) {
  for (auto& one : answers) deliver(std::move(one));
}

void Desk::deliver(actors::Answer&& one) {
  const std::uint64_t number = one.tag / job_texts_max;
  const auto i = static_cast<std::uint32_t>(one.tag % job_texts_max);
  const auto found = works_.find(number);
  if (found == works_.end()) return;  // answered with an error, or nobody waits any more
  Work& work = found->second;
  --work.out;
  if (!one.outcome.result) {
    if (work.job.empty() || one.outcome.result.error().code != ErrorCode::queue_full)
      return fail(number, one.outcome.result.error());
    work.waiting.push_back(i);
    return feed_later(number);
  }
  auto* embedding = std::get_if<Embedding>(&*one.outcome.result);
  if (embedding == nullptr)
    return fail(number, {ErrorCode::internal, "the model answered with no vector", ""});
  work.rows[i] = std::move(*embedding);
  ++work.done;
  if (!work.job.empty()) {
    work.texts[i] = {};
    door_.jobs_.progress(work.job, work.done);
  }
  if (work.done == work.rows.size()) return complete(number);
  if (!work.job.empty()) feed(number);
}

Response Desk::answer_of(const Work& work) {
  Response response = work.respond(work);
  name_tasks(work, response);
  return response;
}

// So that `troupe explain` can be asked about them; a header has room for a few.
void Desk::name_tasks(const Work& work, Response& response) {
  std::string ids;
  for (std::size_t i = 0; i < std::min(work.tasks.size(), task_ids_max); ++i)
    ids += (ids.empty() ? "" : ", ") + to_string(work.tasks[i]);
  if (!ids.empty()) response.headers.emplace_back("Troupe-Task-Id", std::move(ids));
}

void Desk::complete(std::uint64_t number) {
  // Shared, because what a std::function holds can be copied.
  const auto work = std::make_shared<Work>(std::move(works_.extract(number).mapped()));
  if (work->job.empty())
    answer(work->call, answer_of(*work));
  else
    door_.jobs_.complete(work->job, [work] { return answer_of(*work); });
  door_.end_work();
}

void Desk::fail(std::uint64_t number, const Error& why) {
  Work work = std::move(works_.extract(number).mapped());
  withdraw(work);
  if (work.job.empty()) {
    Response response = error_response(work.call.target, why, 0);
    name_tasks(work, response);
    answer(work.call, std::move(response));
  } else {
    door_.jobs_.fail(work.job, why, now());
  }
  door_.end_work();
}

void Desk::gone(std::uint64_t number) {
  Work work = std::move(works_.extract(number).mapped());
  withdraw(work);
  constexpr unsigned client_closed_request = 499;  // nginx's word
  door_.stats_of(work.call.by_grpc)
      .note(work.call.route.ask, client_closed_request, now() - work.call.begin);
  record_span(work.call, client_closed_request);
  door_.end_work();
}

void Desk::cancel_job(std::uint64_t number) {
  const auto found = works_.find(number);
  if (found == works_.end()) return;  // it ended meanwhile
  withdraw(found->second);
  works_.erase(found);
  door_.end_work();
}

}  // namespace troupe::gateway
