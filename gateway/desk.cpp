#include "gateway/desk.hpp"

#include <mutex>
#include <optional>

#include "base/clock.hpp"
#include "gateway/metrics.hpp"
#include "gateway/status_page.hpp"

namespace troupe::gateway {
namespace {

Error model_missing(const std::string& name) {
  return {ErrorCode::model_missing, "there is no model '" + name + "' here",
          "GET /v1/models lists those that are"};
}

Error going_away() {
  return {ErrorCode::draining, "the node is going away and takes no new work",
          "ask another node, or this one once it is back"};
}

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
    : door_(door),
      random_(std::random_device{}()),
      streams_({[&node = door.node_] { return node.status(); },
                [&door, loop](Duration delay, std::function<void()> work) {
                  door.server_->post_after(loop, delay, std::move(work));
                }},
               door.streams_) {
  mailbox_ = std::make_shared<Mailbox>(
      [this, loop] { door_.server_->post(loop, [this] { deliver(mailbox_->take()); }); });
}

Desk::~Desk() = default;

void Desk::close() {
  mailbox_->close();
}

Desk::Call Desk::begin(const Request& request, std::shared_ptr<Exchange> exchange) {
  Call call;
  call.exchange = std::move(exchange);
  call.target = request.target;
  call.route = route(request.method, request.target);
  call.trace =
      child_of(parse_traceparent(request.traceparent), random_() | 1, random_() | 1, random_());
  call.begin = now();
  return call;
}

// What the counts and the log say of an answer, and what all answers carry.
void Desk::note(Call& call, Response& response) {
  const Duration took = now() - call.begin;
  door_.stats_.note(call.route.ask, response.status, took);
  if (door_.log_.enabled(Level::debug))
    door_.log_.debug("answered over HTTP", {{"ask", name(call.route.ask)},
                                            {"status", response.status},
                                            {"tenant", call.tenant},
                                            {"took_ms", static_cast<double>(took.count()) / 1e6},
                                            {"trace", call.trace.trace_id},
                                            {"span", call.trace.span_id}});
  response.headers.emplace_back("traceparent", to_string(call.trace));
}

void Desk::answer(Call& call, Response&& response) {
  note(call, response);
  call.exchange->answer(std::move(response));
}

void Desk::refuse(Call& call, const Error& why, unsigned status) {
  answer(call, error_response(call.target, why, status));
}

void Desk::take(Request&& request, std::shared_ptr<Exchange> exchange) {
  Call call = begin(request, std::move(exchange));
  const Route& asked = call.route;
  // Whoever looks whether this process lives has no key; the page itself tells nothing, and asks
  // for the key.
  if (asked.ask != Ask::live && asked.ask != Ask::ready && asked.ask != Ask::status_page) {
    const auto tenant = door_.options_.keys.empty()
                            ? std::optional<std::string>("default")
                            : door_.options_.keys.tenant_of(request.authorization);
    if (!tenant)
      return refuse(call, {ErrorCode::unauthorized, "this request has no valid API key",
                           "send one as `Authorization: Bearer KEY`"});
    call.tenant = *tenant;
  }
  if (asked.ask == Ask::unknown)
    return refuse(call, {ErrorCode::not_found, "nothing is served under this address",
                         "docs/http.md lists what is"});
  if (!asked.allow.empty()) {
    auto response = error_response(
        call.target,
        {ErrorCode::invalid_argument, request.method + " is not what this address understands",
         "use " + std::string(asked.allow)},
        405);
    response.headers.emplace_back("Allow", asked.allow);
    return answer(call, std::move(response));
  }
  dispatch(std::move(call), std::move(request));
}

void Desk::dispatch(Call&& call, Request&& request) {
  const bool of_model = call.route.ask == Ask::model || call.route.ask == Ask::model_stats ||
                        call.route.ask == Ask::model_ready || call.route.ask == Ask::infer ||
                        call.route.ask == Ask::one_model || call.route.ask == Ask::load ||
                        call.route.ask == Ask::unload;
  std::uint32_t model = 0;
  if (of_model) {
    const auto found = find_model(call.route.model);
    if (!found) return refuse(call, model_missing(call.route.model));
    model = *found;
  }
  if (!call.route.version.empty() && call.route.version != only_version)
    return refuse(call,
                  {ErrorCode::not_found,
                   "model '" + call.route.model + "' has no version '" + call.route.version + "'",
                   "the only version is " + std::string(only_version)},
                  404);
  switch (call.route.ask) {
    case Ask::live:
      return answer(call, json_response(R"({"live":true})"));
    case Ask::ready:
    case Ask::model_ready:
      return answer(call, ready(call));
    case Ask::server:
      return answer(call, server_metadata(door_.options_.version));
    case Ask::model:
      return answer(call, model_metadata(facts_of(model)));
    case Ask::model_stats:
      return answer(call, model_statistics(door_.node_.facts(), {model}));
    case Ask::all_stats: {
      std::vector<std::uint32_t> all;
      for (std::uint32_t i = 0; i < door_.models_.size(); ++i) all.push_back(i);
      return answer(call, model_statistics(door_.node_.facts(), all));
    }
    case Ask::index:
      return answer(call, repository_index(door_.node_.models()));
    case Ask::load:
    case Ask::unload:
      return change_model(std::move(call));
    case Ask::models:
      return answer(call, openai_models(door_.models_));
    case Ask::one_model:
      return answer(call, openai_model(door_.models_[model]));
    case Ask::metrics:
      return answer(call, metrics_response(door_.node_.facts(), door_.stats_.read(),
                                           door_.server_->counters(), read_process_facts()));
    case Ask::status_page:
      return answer(call, status_page());
    case Ask::status:
      return answer(call, json_response(door_.node_.status()));
    case Ask::status_events:
      return watch(std::move(call), request.method == "HEAD");
    case Ask::infer:
      return infer(std::move(call), std::move(request));
    case Ask::embeddings:
      return embeddings(std::move(call), std::move(request));
    case Ask::unknown:
      return;  // answered before
  }
}

Response Desk::ready(const Call& call) const {
  if (door_.draining())
    return error_response(call.target, {ErrorCode::draining, "the node is going away", ""});
  if (!actors::is_ready(door_.node_.facts()))
    return error_response(call.target, {ErrorCode::unreachable, "no device of the node works", ""});
  if (call.route.ask == Ask::ready) return json_response(R"({"ready":true})");
  const auto model = facts_of(*find_model(call.route.model));
  if (model.state != actors::ModelState::loaded)
    return error_response(call.target,
                          {ErrorCode::unreachable,
                           "model '" + model.name + "' is " + std::string(name(model.state)), ""});
  return model_ready(call.route.model);
}

void Desk::watch(Call&& call, bool head_only) {
  if (door_.draining()) return refuse(call, going_away());
  if (!head_only && !door_.streams_.take())
    return refuse(call,
                  {ErrorCode::queue_full, "as many as may watch this node live do so already",
                   "close another page that shows it, or ask GET /status.json now and then"},
                  503);
  Response head;
  head.content_type = "text/event-stream";
  // Proxies keep nothing of it back: X-Accel-Buffering is nginx's word for that.
  head.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
  note(call, head);
  if (head_only) return call.exchange->begin_stream(std::move(head));
  streams_.add(call.exchange, std::move(head));
}

// The answer comes by the mailbox, as those of tasks do, so that nobody who has gone is answered.
void Desk::change_model(Call&& call) {
  if (!door_.options_.model_control)
    return refuse(call,
                  {ErrorCode::unsupported, "models are not loaded and unloaded over HTTP here",
                   "set model_control in [http], or use `troupe model`"});
  if (!door_.begin_work()) return refuse(call, going_away());
  const bool load = call.route.ask == Ask::load;
  const std::string model = call.route.model;
  const std::uint64_t number = jobs_begun_++;
  Job& job = jobs_[number];
  job.call = std::move(call);
  job.respond = [](const Job&) { return json_response("{}"); };
  job.rows.resize(1);
  job.missing = 1;
  job.call.exchange->when_gone([this, number] { gone(number); });
  const auto done = [mailbox = mailbox_, number](const Status& changed) {
    TaskOutcome outcome;
    outcome.result = changed ? Result<Output>(Output(Embedding{})) : changed.error();
    actors::answer_one({mailbox, number * texts_max}, std::move(outcome));
  };
  load ? door_.node_.load_model(model, done) : door_.node_.unload_model(model, done);
}

std::optional<std::uint32_t> Desk::find_model(const std::string& name) const {
  for (std::uint32_t i = 0; i < door_.models_.size(); ++i)
    if (door_.models_[i].name == name) return i;
  return std::nullopt;
}

actors::ModelFacts Desk::facts_of(std::uint32_t model) const {
  return door_.node_.models()[model];
}

void Desk::infer(Call&& call, Request&& request) {
  auto read = reader_.infer(request.body, request.json_bytes);
  if (!read) return refuse(call, read.error());
  auto texts = texts_of(*read);
  if (!texts) return refuse(call, texts.error());
  const Wishes wishes = read->wishes;
  const std::string model = call.route.model;
  read->inputs.clear();  // what it says of the answer is still needed
  start(std::move(call), model, std::move(*texts), wishes,
        [this, asked = std::move(*read)](const Job& job) {
          return infer_response(job.call.route.model, asked, job.tasks[0], job.rows);
        });
}

void Desk::embeddings(Call&& call, Request&& request) {
  auto read = reader_.embeddings(request.body);
  if (!read) return refuse(call, read.error());
  if (!find_model(read->model)) return refuse(call, model_missing(read->model));
  const Wishes wishes = read->wishes;
  auto texts = std::exchange(read->input, {});
  const std::string model = read->model;
  start(std::move(call), model, std::move(texts), wishes,
        [asked = std::move(*read)](const Job& job) {
          return embeddings_response(job.call.target, asked, job.rows);
        });
}

void Desk::start(Call&& call, const std::string& model, std::vector<std::string>&& texts,
                 const Wishes& wishes, std::function<Response(const Job&)> respond) {
  if (texts.empty() || texts.size() > texts_max)
    return refuse(call, {texts.empty() ? ErrorCode::invalid_argument : ErrorCode::too_large,
                         "a request has 1 to " + std::to_string(texts_max) + " texts, this one " +
                             std::to_string(texts.size()),
                         texts.empty() ? "" : "send less at a time"});
  if (!door_.begin_work()) return refuse(call, going_away());
  const std::uint64_t number = jobs_begun_++;
  Job& job = jobs_[number];
  job.call = std::move(call);
  job.respond = std::move(respond);
  job.rows.resize(texts.size());
  job.missing = texts.size();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    TaskRequest task;
    task.model = model;
    task.tenant = job.call.tenant;
    task.work = Encode{std::move(texts[i])};
    task.lane = wishes.lane;
    task.time_limit = wishes.time_limit;
    task.weight = wishes.weight;
    const auto id = door_.node_.submit(std::move(task), {mailbox_, number * texts_max + i});
    if (id) {
      job.tasks.push_back(*id);
      continue;
    }
    withdraw(job);
    return finish(number, error_response(job.call.target, id.error()));
  }
  job.call.exchange->when_gone([this, number] { gone(number); });
}

// Tasks that have had their outcome do not mind.
void Desk::withdraw(const Job& job) {
  for (const TaskId task : job.tasks) door_.node_.cancel(task);
}

void Desk::deliver(std::vector<actors::Answer>&& answers) {
  for (auto& one : answers) deliver(std::move(one));
}

void Desk::deliver(actors::Answer&& one) {
  const std::uint64_t number = one.tag / texts_max;
  const auto found = jobs_.find(number);
  if (found == jobs_.end()) return;  // answered with an error, or nobody waits any more
  Job& job = found->second;
  auto* embedding = one.outcome.result ? std::get_if<Embedding>(&*one.outcome.result) : nullptr;
  if (embedding == nullptr) {
    withdraw(job);
    const Error why = one.outcome.result
                          ? Error{ErrorCode::internal, "the model answered with no vector", ""}
                          : one.outcome.result.error();
    return finish(number, error_response(job.call.target, why));
  }
  job.rows[one.tag % texts_max] = std::move(*embedding);
  if (--job.missing != 0) return;
  Response response = job.respond(job);
  finish(number, std::move(response));
}

void Desk::finish(std::uint64_t number, Response&& response) {
  auto job = jobs_.extract(number);
  answer(job.mapped().call, std::move(response));
  door_.end_work();
}

void Desk::gone(std::uint64_t number) {
  auto job = jobs_.extract(number);
  withdraw(job.mapped());
  constexpr unsigned client_closed_request = 499;  // nginx's word
  Call& call = job.mapped().call;
  door_.stats_.note(call.route.ask, client_closed_request, now() - call.begin);
  door_.end_work();
}

}  // namespace troupe::gateway
