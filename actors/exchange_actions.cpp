// What the two halves of the delivery protocol decided, carried out: the exchange's hands.
#include <algorithm>

#include "actors/exchange.hpp"
#include "actors/refusals.hpp"

namespace troupe::actors {

// --- what the sender decides ---------------------------------------------------------------------

void Exchange::carry_out(Instant at, const delivery::Offer& offer, Step&) {
  Pending& pending = pending_.at(offer.task);
  ++offers_.all;
  if (offer.hedge) {
    ++offers_.hedges;
  } else {
    if (std::exchange(pending.offered, true)) ++offers_.again;
    pending.node = offer.node;
  }
  TaskRequest& request = pending.request;
  request.time_limit = offer.time_left;
  // Placing minds where a task was first given to.
  if (offer.node == options_.self) {
    if (!offer.hedge) placing_.left(offer.task);
    tell({delivery::Offered{own, offer.task, offer.attempt}, request, {}, {}});
    return;
  }
  if (!offer.hedge) placing_.offered(at, offer.task, offer.node, offer.attempt);
  const Node& node = nodes_[offer.node.value];
  transport::Message message =
      transport::SubmitTask{std::move(request), node.delivery ? offer.attempt : 0};
  const auto sent = outside_.send(node.peer, request.lane.value_or(Lane::ordinary), message);
  request = std::move(std::get<transport::SubmitTask>(message).request);
  if (!sent && !offer.hedge) placing_.left(offer.task);
  if (!sent)
    tell({delivery::Undelivered{offer.node, offer.task, offer.attempt, sent.error().code},
          {},
          {},
          sent.error()});
  else if (!node.delivery)
    tell({delivery::Accepted{offer.node, node.epoch, offer.task, offer.attempt}, {}, {}, {}});
}

void Exchange::carry_out(Instant, const delivery::Withdraw& withdraw, Step&) {
  if (withdraw.node == options_.self)
    tell({delivery::Withdrawn{own, withdraw.task}, {}, {}, {}});
  else
    (void)outside_.send(nodes_[withdraw.node.value].peer, Lane::urgent,
                        transport::CancelTask{withdraw.task});
}

void Exchange::carry_out(Instant, const delivery::Acknowledge& acknowledge, Step&) {
  const Node& node = nodes_[acknowledge.node.value];
  if (acknowledge.node == options_.self)
    tell({delivery::Acknowledged{own, acknowledge.task}, {}, {}, {}});
  else if (node.delivery)
    (void)outside_.send(node.peer, Lane::urgent, transport::ResultAck{acknowledge.task});
}

void Exchange::carry_out(Instant at, const delivery::Conclude& conclude, Step& step) {
  placing_.left(conclude.task);
  if (conclude.by_hedge) ++offers_.hedges_won;
  const auto found = pending_.find(conclude.task);
  if (found == pending_.end()) return;
  Pending task = std::move(found->second);
  pending_.erase(found);
  request_bytes_ -= task.bytes;
  TaskOutcome outcome{conclude.task, delivery::error_of(conclude.code), {}};
  using With = delivery::Conclude::With;
  if (conclude.with == With::result && step.outcome) {
    outcome = std::move(*step.outcome);
    outcome.id = conclude.task;
    const Timing& timing = outcome.timing;
    const Duration there = timing.queue + timing.batch_wait + timing.compute;
    outcome.timing.network = std::max(Duration::zero(), at - task.submitted - there);
  } else if (conclude.with == With::refusal && step.error) {
    outcome.result = *step.error;
  } else if (conclude.with == With::refusal && step.outcome && !step.outcome->result) {
    outcome.result = step.outcome->result.error();
  }
  if (task.parent != 0) end_span(task, outcome, at);
  answers_.emplace_back(std::move(task.reply), std::move(outcome));
}

// From here on what is done for the task stands below a span of ours: that of its way.
void Exchange::begin_span(Pending& task) const {
  tracing::Tracer* const tracer = options_.tracer;
  if (tracer == nullptr || !tracer->records(task.request.trace)) return;
  task.parent = std::exchange(task.request.trace.span, tracer->new_span());
}

void Exchange::end_span(const Pending& task, const TaskOutcome& outcome, Instant at) const {
  tracing::Span span;
  span.self = task.request.trace;
  span.parent = task.parent;
  span.name = "task on a node";
  span.kind = tracing::SpanKind::client;
  span.begin = task.submitted;
  span.end = at;
  span.attributes = {{"troupe.task", to_string(outcome.id)},
                     {"troupe.node", nodes_[task.node.value].name}};
  if (!outcome.result) span.error = std::string(name(outcome.result.error().code));
  options_.tracer->record(std::move(span));
}

// --- what the executor decides -------------------------------------------------------------------

void Exchange::carry_out(Instant, const delivery::Run& run, Step& step) {
  // One that is offered again and is here already does not come this way.
  if (draining_ && run.origin != own) {
    ++sent_elsewhere_;
    tell({delivery::Refused{run.origin, run.task, Duration::zero()}, {}, {}, drained_error()});
    return;
  }
  Theirs theirs;
  theirs.ours = outside_.next_id();
  theirs.lane = step.request->lane.value_or(Lane::ordinary);
  const Key key{run.origin, run.task};
  step.request->id = theirs.ours;
  running_[theirs.ours] = key;
  theirs_.insert_or_assign(key, std::move(theirs));
  to_run_.push_back({key, std::move(*step.request)});
}

void Exchange::carry_out(Instant, const delivery::Stop& stop, Step&) {
  const auto found = theirs_.find({stop.origin, stop.task});
  if (found == theirs_.end()) return;
  found->second.unwanted = true;
  if (found->second.handed) outside_.stop_running(found->second.ours);
}

void Exchange::carry_out(Instant, const delivery::Accept& accept, Step&) {
  if (accept.origin == own)
    tell({delivery::Accepted{options_.self, 0, accept.task, accept.attempt}, {}, {}, {}});
  else if (const Origin* origin = reachable(accept.origin); origin != nullptr && origin->delivery)
    (void)outside_.send(origin->peer, Lane::urgent,
                        transport::TaskAccepted{accept.task, accept.attempt, load_for(*origin)});
}

void Exchange::carry_out(Instant, const delivery::Reject& reject, Step& step) {
  const Key key{reject.origin, reject.task};
  Lane lane = Lane::ordinary;
  if (const auto found = theirs_.find(key); found != theirs_.end() && !reject.full) {
    lane = found->second.lane;
    running_.erase(found->second.ours);
    theirs_.erase(found);
  }
  const Error why = step.error.value_or(
      Error{ErrorCode::queue_full, "this node keeps as many tasks as it may", "retry later"});
  if (reject.origin == own) {
    tell({delivery::Rejected{options_.self, 0, reject.task, reject.attempt, why.code,
                             reject.retry_after},
          {},
          {},
          why});
    return;
  }
  const Origin* const origin = reachable(reject.origin);
  if (origin == nullptr) return;
  TaskOutcome outcome{reject.task, why, {}};
  outcome.timing.lane = lane;
  if (origin->delivery)
    (void)outside_.send(origin->peer, Lane::urgent,
                        transport::TaskRejected{reject.task, reject.attempt, reject.retry_after,
                                                why, load_for(*origin)});
  else
    (void)send_outcome(*origin, lane, outcome);
}

void Exchange::carry_out(Instant, const delivery::SendResult& send, Step&) {
  const auto found = theirs_.find({send.origin, send.task});
  if (found == theirs_.end() || !found->second.result) return;
  TaskOutcome& outcome = *found->second.result;
  if (send.origin == own) {
    delivery::ResultCame event{options_.self, 0, send.task, std::nullopt};
    if (!outcome.result) event.error = outcome.result.error().code;
    tell({event, {}, outcome, {}});
    return;
  }
  const Origin* const origin = reachable(send.origin);
  if (origin == nullptr) return;
  // One that cannot be sent now is sent again later, to whoever acknowledges. One that never can
  // (a model made a number that is not finite) is an error, for somebody waits.
  const auto sent = send_outcome(*origin, found->second.lane, outcome);
  if (!sent && !delivery::may_be_retried(sent.error().code)) {
    outcome.result = Error{ErrorCode::internal, "the result cannot be sent: " + sent.error().what,
                           sent.error().next_step};
    (void)send_outcome(*origin, found->second.lane, outcome);
  }
  if (!origin->delivery) tell({delivery::Acknowledged{send.origin, send.task}, {}, {}, {}});
}

void Exchange::carry_out(Instant, const delivery::Drop& drop, Step&) {
  const auto found = theirs_.find({drop.origin, drop.task});
  if (found == theirs_.end()) return;
  running_.erase(found->second.ours);
  theirs_.erase(found);
}

Status Exchange::send_outcome(const Origin& origin, Lane lane, TaskOutcome& outcome) {
  transport::Message message = transport::TaskResult{std::move(outcome), load_for(origin)};
  auto sent = outside_.send(origin.peer, lane, message);
  outcome = std::move(std::get<transport::TaskResult>(message).outcome);
  return sent;
}

}  // namespace troupe::actors
