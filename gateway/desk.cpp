#include "gateway/desk.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/clock.hpp"
#include "gateway/metrics.hpp"
#include "gateway/status_page.hpp"

namespace troupe::gateway {

Desk::Call Desk::begin(const Request& request, std::shared_ptr<Exchange> exchange) {
  Call call;
  call.exchange = std::move(exchange);
  call.target = request.target;
  call.route = route(request.method, request.target);
  call.method = request.method;
  call.by_grpc = request.by_grpc;
  tracing::Tracer& tracer = door_.node_.tracer();
  if (const auto theirs = parse_traceparent(request.traceparent)) {
    call.trace = *theirs;
    call.parent = std::exchange(call.trace.span, tracer.new_span());
  } else {
    call.trace = tracer.begin();
    // What nobody asked to be recorded is work, not who looks how it goes.
    call.trace.sampled &= call.route.ask == Ask::infer || call.route.ask == Ask::embeddings;
  }
  call.begin = now();
  return call;
}

// What the counts and the log say of an answer, and what all answers carry.
void Desk::note(Call& call, Response& response) {
  const Duration took = now() - call.begin;
  door_.stats_of(call.by_grpc).note(call.route.ask, response.status, took);
  if (door_.log_.enabled(Level::debug))
    door_.log_.debug(call.by_grpc ? "answered over gRPC" : "answered over HTTP",
                     {{"ask", name(call.route.ask)},
                      {"status", response.status},
                      {"tenant", call.tenant},
                      {"took_ms", static_cast<double>(took.count()) / 1e6},
                      {"trace", trace_id(call.trace)},
                      {"span", span_id(call.trace.span)}});
  record_span(call, response.status);
  response.headers.emplace_back("traceparent", traceparent(call.trace));
}

void Desk::record_span(const Call& call, unsigned status) {
  tracing::Tracer& tracer = door_.node_.tracer();
  if (!tracer.records(call.trace)) return;
  constexpr unsigned server_errors = 500;
  constexpr std::size_t path_bytes_max = 256;  // spans wait in memory
  tracing::Span span;
  span.self = call.trace;
  span.parent = call.parent;
  span.name = name(call.route.ask);
  span.kind = tracing::SpanKind::server;
  span.begin = call.begin;
  span.end = now();
  span.attributes = {
      {"http.request.method", call.method},
      {"url.path", call.target.substr(0, std::min(call.target.find('?'), path_bytes_max))},
      {"http.response.status_code", std::int64_t{status}},
      {"troupe.tenant", call.tenant}};
  if (call.by_grpc) span.attributes.push_back({"rpc.system", "grpc"});
  if (status >= server_errors) span.error = "HTTP " + std::to_string(status);
  tracer.record(std::move(span));
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
    const auto keys = door_.keys();
    const auto tenant = keys->empty() ? std::optional<std::string>("default")
                                      : keys->tenant_of(request.authorization);
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
    if (!found) return refuse(call, no_such_model(call.route.model));
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
      return answer(call, metrics_response(door_.node_.facts(),
                                           {door_.stats_.read(), door_.grpc_stats_.read(),
                                            door_.server_->counters(), door_.jobs_.counts(),
                                            read_process_facts()}));
    case Ask::status_page:
      return answer(call, status_page());
    case Ask::status:
      return answer(call, json_response(door_.node_.status()));
    case Ask::status_events:
      return watch(std::move(call), request.method == "HEAD", status_streams_, status_events());
    case Ask::job:
    case Ask::job_result:
    case Ask::job_events:
      return ask_job(std::move(call), request);
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
  if (door_.node_.draining())
    return error_response(call.target,
                          {ErrorCode::draining, "the node is being taken out of service", ""});
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

// The status is made once for all who are told it at one time.
NextEvent Desk::status_events() {
  return [this, told = std::uint64_t{0}](std::uint64_t round) mutable -> std::optional<Event> {
    if (std::exchange(told, round) == round) return std::nullopt;
    if (std::exchange(status_round_, round) != round)
      status_event_ = "data: " + door_.node_.status();
    return Event{status_event_, false};
  };
}

void Desk::watch(Call&& call, bool head_only, EventStreams& streams, NextEvent next) {
  if (door_.draining()) return refuse(call, going_away());
  if (!head_only && !door_.streams_.take())
    return refuse(call,
                  {ErrorCode::queue_full, "as many as may watch this node live do so already",
                   "close another page that shows it, or ask now and then without /events"},
                  503);
  Response head;
  head.content_type = "text/event-stream";
  // Proxies keep nothing of it back: X-Accel-Buffering is nginx's word for that.
  head.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
  note(call, head);
  if (head_only) return call.exchange->begin_stream(std::move(head));
  streams.add(call.exchange, std::move(head), std::move(next));
}

void Desk::ask_job(Call&& call, const Request& request) {
  const std::string id = call.route.job;
  const std::string tenant = call.tenant;
  auto facts = request.method == "DELETE" ? door_.jobs_.remove(id, tenant, now())
                                          : door_.jobs_.find(id, tenant, now());
  if (!facts)
    return refuse(call, {ErrorCode::not_found, "there is no job '" + id + "' of yours",
                         "answers are kept for a while, and not when the node is started again"});
  if (request.method == "DELETE") {
    if (facts->state == JobState::working) facts->state = JobState::canceled;
    return answer(call, job_response(id, *facts));
  }
  if (call.route.ask == Ask::job) return answer(call, job_response(id, *facts));
  if (call.route.ask == Ask::job_events) {
    auto next = [this, id, tenant,
                 told = std::optional<JobFacts>()](std::uint64_t) mutable -> std::optional<Event> {
      const auto known = door_.jobs_.find(id, tenant, now());
      if (known && told == known) return std::nullopt;
      if (!known && !told) return Event{"data: {}", true};
      if (known) told = known;
      const bool last = !known || known->state != JobState::working;
      return Event{"data: " + job_response(id, *told).body, last};
    };
    return watch(std::move(call), request.method == "HEAD", job_streams_, std::move(next));
  }
  if (facts->why) return refuse(call, *facts->why);
  if (auto kept = door_.jobs_.answer(id, tenant, now())) return answer(call, std::move(*kept));
  Response early = job_response(id, *facts);
  early.status = 202;
  early.headers.emplace_back("Retry-After", "1");
  answer(call, std::move(early));
}

std::optional<std::uint32_t> Desk::find_model(const std::string& name) const {
  for (std::uint32_t i = 0; i < door_.models_.size(); ++i)
    if (door_.models_[i].name == name) return i;
  return std::nullopt;
}

actors::ModelFacts Desk::facts_of(std::uint32_t model) const {
  return door_.node_.models()[model];
}

}  // namespace troupe::gateway
