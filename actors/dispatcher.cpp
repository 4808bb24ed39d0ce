#include "actors/dispatcher.hpp"

#include <algorithm>
#include <utility>

#include "actors/refusals.hpp"
#include "base/assert.hpp"
#include "base/clock.hpp"

namespace troupe::actors {
namespace {

// Ordinary orders between two looks at what is more pressing: some 20 us of work.
constexpr std::size_t orders_per_round = 64;

// The batch is urgent if any of its tasks is; of the others in it, this one may be.
Lane carried_by(const Carried& task, const scheduler::Launch& decision) {
  if (decision.lane == Lane::ordinary || task.raised) return decision.lane;
  if (task.record.lane) return *task.record.lane;
  return task.record.deadline == never ? Lane::ordinary : Lane::urgent;
}

// A device that is gone says so for everything that it held.
bool tells_of_loss(const kernels::BatchReport& report) {
  return !report.results.empty() &&
         std::all_of(report.results.begin(), report.results.end(), [](const auto& one) {
           return !one.output && one.output.error().code == ErrorCode::unreachable;
         });
}

}  // namespace

Dispatcher::Dispatcher(DispatcherOptions options, std::unique_ptr<scheduler::Policy> policy,
                       Stats& stats, Explanations& explanations, Log& log)
    : options_(std::move(options)),
      policy_(std::move(policy)),
      stats_(stats),
      explanations_(explanations),
      log_(log),
      roll_(options_.devices.size()),
      watch_(options_.patience) {
  for (std::size_t lane = 0; lane < lane_count; ++lane)
    held_[lane].tasks_max = options_.tasks_max[lane];
  thread_ = std::thread([this] { run(); });
}

Dispatcher::~Dispatcher() {
  stop();
}

// --- from any thread -----------------------------------------------------------------------------

Status Dispatcher::submit(Submission&& task) {
  const std::size_t lane = index_of(asked_for(task.record));
  auto& held = held_[lane].tasks;
  const std::int64_t tasks_max = held_[lane].tasks_max.load(std::memory_order_relaxed);
  if (held.fetch_add(1, std::memory_order_relaxed) >= tasks_max) {
    held.fetch_sub(1, std::memory_order_relaxed);
    stats_.update([lane](NodeStats& stats) { ++stats.lanes[lane].turned_away; });
    return Error{ErrorCode::queue_full,
                 "the " + std::string(name(asked_for(task.record))) + " lane holds its limit of " +
                     std::to_string(tasks_max) + " tasks",
                 "retry when some are done, or raise " + std::string(name(asked_for(task.record))) +
                     "_queue_tasks_max"};
  }
  if (!orders_[lane].push({Order::What::submit, std::move(task)})) {
    held.fetch_sub(1, std::memory_order_relaxed);
    return draining_error();
  }
  incoming_->wakeup.notify();
  return {};
}

// Nobody outside knows the task's lane; where it is not, the order is ignored.
void Dispatcher::cancel(TaskId task) {
  for (auto& inbox : orders_) {
    Order order{Order::What::cancel, {}};
    order.task.record.id = task;
    inbox.push(std::move(order));
  }
  incoming_->wakeup.notify();
}

void Dispatcher::raise(TaskId task, Instant deadline) {
  for (auto& inbox : orders_) {
    Order order{Order::What::raise, {}};
    order.task.record.id = task;
    order.task.record.deadline = deadline;
    inbox.push(std::move(order));
  }
  incoming_->wakeup.notify();
}

void Dispatcher::stop() {
  stopping_.store(true, std::memory_order_seq_cst);
  incoming_->wakeup.notify();
  if (thread_.joinable()) thread_.join();
}

// --- the thread ----------------------------------------------------------------------------------

void Dispatcher::run() {
  name_thread("dispatcher");
  wake_precisely();
  for (std::uint32_t i = 0; i < options_.devices.size(); ++i) join_worker(WorkerId{i});
  while (!stopping_.load(std::memory_order_seq_cst)) {
    incoming_->wakeup.clear();
    while (!stopping_.load(std::memory_order_relaxed) && work_a_round()) send_out();
    if (!stopping_.load(std::memory_order_seq_cst)) incoming_->wakeup.wait_until(next_look());
  }
  end();
}

void Dispatcher::join_worker(WorkerId id) {
  const Instant at = now();
  const kernels::Device& device = *options_.devices[id.value];
  const kernels::Cost cost = device.cost(ModelId{});
  scheduler::WorkerJoined joined;
  joined.worker = id;
  joined.slots = device.info().queue_batches_max;
  joined.cost_fixed = cost.fixed;
  joined.cost_per_unit = cost.per_unit;
  joined.tile = device.info().tile;
  tell(at, joined);
  for (std::uint32_t model = 0; model < options_.models; ++model)
    guess_cost(at, id, ModelId{model});
  for (std::uint32_t policy = 0; policy < options_.policies; ++policy) {
    const kernels::Cost guess = device.act_cost(ModelId{policy});
    tell(at, scheduler::CostGuessed{
                 id, {scheduler::Operation::act, ModelId{policy}}, guess.fixed, guess.per_unit});
  }
  const kernels::Cost recall = device.recall_cost();
  if (recall.fixed + recall.per_unit > Duration::zero())
    tell(at, scheduler::CostGuessed{
                 id, {scheduler::Operation::recall, ModelId{}}, recall.fixed, recall.per_unit});
}

Instant Dispatcher::next_look() const {
  return std::min(policy_->next_wakeup().value_or(never), watch_.next_look());
}

// Whether there was anything to do.
bool Dispatcher::work_a_round() {
  incoming_->reports.take(taken_reports_);
  // Looks before orders, so that what was submitted before a look is followed before it.
  if (taken_looks_.empty() && taken_ordinary_.empty()) looks_.take(taken_looks_);
  orders_[index_of(Lane::urgent)].take(taken_urgent_);
  if (taken_ordinary_.empty()) orders_[index_of(Lane::ordinary)].take(taken_ordinary_);
  const bool due = next_look() <= now();
  if (taken_reports_.empty() && taken_urgent_.empty() && taken_ordinary_.empty() &&
      taken_looks_.empty() && !due)
    return false;

  // A device that is free again counts for the tasks that come.
  for (auto& report : taken_reports_) finish(now(), report);
  taken_reports_.clear();
  std::size_t urgent_done = 0;
  follow(taken_urgent_, urgent_done, taken_urgent_.size());
  follow(taken_ordinary_, ordinary_done_, orders_per_round);
  if (!taken_looks_.empty() && taken_ordinary_.empty()) {
    for (Look& look : taken_looks_) look_here(now(), look);
    looked_.swap(taken_looks_);
  }
  if (due) {
    give_up_stuck_workers(now());
    advance(now());
  }
  return true;
}

void Dispatcher::follow(std::vector<Order>& orders, std::size_t& done, std::size_t tasks_max) {
  if (orders.empty()) return;
  const Instant at = now();
  for (const std::size_t end = std::min(orders.size(), done + tasks_max); done < end; ++done) {
    Order& order = orders[done];
    switch (order.what) {
      case Order::What::submit:
        enter(at, std::move(order.task));
        break;
      case Order::What::cancel:
        cancel_here(at, order.task.record.id);
        break;
      case Order::What::raise:
        raise_here(at, order.task.record);
        break;
      case Order::What::options:
        tell(at, scheduler::OptionsChanged{*order.options});
        break;
      case Order::What::model_came:
        for (std::uint32_t i = 0; i < options_.devices.size(); ++i)
          guess_cost(at, WorkerId{i}, order.task.record.kind.model);
        break;
    }
  }
  if (done < orders.size()) return;
  orders.clear();
  done = 0;
}

void Dispatcher::enter(Instant at, Submission&& task) {
  const std::size_t lane = index_of(asked_for(task.record));
  ++entered_[lane];
  ++queued_[lane];
  if (!roll_.any_works()) return turn_away(at, std::move(task));
  ages_[lane].entered(task.record.id, task.record.submitted);
  const auto slot =
      carried_.add({task.record, task.known_as, std::move(task.work), std::move(task.reply), false,
                    false, false, std::move(task.traced)});
  tell(at, scheduler::TaskSubmitted{carried_[slot].record});
}

void Dispatcher::cancel_here(Instant at, TaskId task) {
  const auto slot = carried_.find(task);
  if (!slot) return;                // done already, or in the other lane
  carried_[*slot].canceled = true;  // if it was launched, its result is dropped
  tell(at, scheduler::TaskCanceled{task});
}

void Dispatcher::raise_here(Instant at, const scheduler::TaskRecord& wanted) {
  const auto slot = carried_.find(wanted.id);
  if (!slot || carried_[*slot].launched) return;
  carried_[*slot].raised = true;
  tell(at, scheduler::TaskRaised{wanted.id, wanted.deadline});
}

void Dispatcher::tell(Instant at, const scheduler::Event& event) {
  policy_->handle(at, event, actions_);
  if (options_.observe) options_.observe(at, &event, actions_);
  carry_out(at);
}

void Dispatcher::advance(Instant at) {
  policy_->advance(at, actions_);
  if (options_.observe) options_.observe(at, nullptr, actions_);
  carry_out(at);
}

void Dispatcher::carry_out(Instant at) {
  for (auto& action : actions_) {
    if (auto* decision = std::get_if<scheduler::Launch>(&action))
      launch(at, std::move(*decision));
    else
      refuse(at, std::get<scheduler::Refuse>(action));
  }
  actions_.clear();
}

void Dispatcher::launch(Instant at, scheduler::Launch&& decision) {
  Flight flight;
  if (!spare_.empty()) {
    flight.tasks = std::move(spare_.back());
    spare_.pop_back();
  }
  kernels::Batch batch{decision.batch, decision.kind.model, {}};
  batch.items.reserve(decision.tasks.size());
  for (const TaskId id : decision.tasks) {
    const auto slot = carried_.find(id);
    TROUPE_ASSERT(slot, "a task was launched that nobody carries");
    Carried& task = carried_[*slot];
    TROUPE_ASSERT(!task.launched, "a task was launched that runs already");
    task.launched = true;
    --queued_[index_of(asked_for(task.record))];
    ++launched_[index_of(asked_for(task.record))];
    // Whatever is lost with one device runs again on another.
    kernels::Item& item = batch.items.emplace_back();
    item.task = id;
    if (options_.devices.size() > 1)
      item.work = task.work;
    else
      item.work = std::move(task.work);
    flight.tasks.push_back(*slot);
  }
  departures_.push_back({decision.worker, decision.kind, decision.lane,
                         static_cast<std::uint32_t>(decision.tasks.size()), decision.reason,
                         decision.entry});
  const WorkerId worker = decision.worker;
  const BatchId id = decision.batch;
  const Entry entry = decision.entry;
  watch_.launched(at, decision);
  flight.worker = worker;
  flight.launched = at;
  flight.decision = std::move(decision);
  flights_.push_back(std::move(flight));

  // Before submit() returns, on this thread, for a device that has nothing to wait for.
  const auto completion = [incoming = incoming_, worker](kernels::BatchReport&& report) {
    incoming->reports.push({worker, std::move(report)});
    incoming->wakeup.notify();
  };
  kernels::Device& device = *options_.devices[worker.value];
  const Status taken = entry == Entry::inside ? device.submit_urgent(std::move(batch), completion)
                                              : device.submit(std::move(batch), completion);
  if (taken) return;
  log_.warn("a device refused a batch", taken.error());
  kernels::BatchReport failed{id, {}, at, at, {}, 0};
  for (const auto slot : flights_.back().tasks)
    failed.results.push_back({carried_[slot].record.id, taken.error()});
  incoming_->reports.push({worker, std::move(failed)});
}

void Dispatcher::refuse(Instant at, const scheduler::Refuse& decision) {
  const auto slot = carried_.find(decision.task);
  if (!slot) return;
  Carried& task = carried_[*slot];
  Explanation why;
  why.timing.queue = std::max(Duration::zero(), at - task.record.submitted);
  why.timing.lane = task.raised ? Lane::urgent : asked_for(task.record);
  why.retry_after = decision.retry_after;
  why.earliest_deadline = decision.earliest_deadline;
  conclude(*slot, refusal_error(decision), std::move(why));
}

void Dispatcher::finish(Instant at, Report& report) {
  const auto found = std::find_if(flights_.begin(), flights_.end(), [&](const Flight& flight) {
    return flight.decision.batch == report.batch.id && flight.worker == report.worker;
  });
  if (found == flights_.end()) {  // reported twice, or given up long ago
    if (!roll_.settled(report.worker, report.batch.id)) return;
    note_device(report.worker, true);
    log_.warn("a device that was taken for stuck has finished after all and works again",
              {{"device", options_.devices[report.worker.value]->info().name}});
    return join_worker(report.worker);
  }
  if (tells_of_loss(report.batch)) return lose(at, report.worker, Loss::gone);
  Flight flight = std::move(*found);
  if (found != flights_.end() - 1) *found = std::move(flights_.back());
  flights_.pop_back();
  // The policy first, so that the device has its next batch before anybody reads this one's.
  const kernels::BatchReport& batch = report.batch;
  const Duration busy = std::max(Duration::zero(), batch.finished - batch.started - batch.yielded);
  watch_.finished(at, report.worker, batch.id);
  tell(at, scheduler::BatchFinished{report.worker, batch.id, busy});
  landings_.push_back({report.worker, busy});
  gauge_.landed(busy, flight.tasks.size());
  const scheduler::Launch& decision = flight.decision;
  yields_[index_of(decision.lane)] += batch.yields;
  if (options_.tracer != nullptr) trace_batch(at, flight, batch);
  for (std::size_t i = 0; i < flight.tasks.size(); ++i) {
    Carried& task = carried_[flight.tasks[i]];
    Explanation why;
    // Submitted on another thread, whose clock may be some nanoseconds ahead.
    const Instant submitted = std::min(task.record.submitted, flight.launched);
    const Instant free = std::clamp(decision.worker_free, submitted, flight.launched);
    why.timing.queue = free - submitted;
    why.timing.batch_wait = flight.launched - free;
    why.timing.compute = at - flight.launched;
    why.timing.predicted = decision.predicted;
    why.timing.batch_tasks = static_cast<std::uint32_t>(flight.tasks.size());
    why.timing.lane = carried_by(task, decision);
    why.timing.entry = decision.entry;
    why.timing.reason = decision.reason;
    auto& results = report.batch.results;
    const bool answered = i < results.size() && results[i].task == task.record.id;
    if (answered && results[i].output && task.canceled)
      conclude(flight.tasks[i],
               Error{ErrorCode::canceled, "the task was canceled while it ran", ""},
               std::move(why));
    else if (answered)
      conclude(flight.tasks[i], std::move(results[i].output), std::move(why));
    else
      conclude(flight.tasks[i],
               Error{ErrorCode::internal, "the device gave no result for the task", ""},
               std::move(why));
  }
  batch_span_ = {};
  flight.tasks.clear();
  spare_.push_back(std::move(flight.tasks));
}

void Dispatcher::conclude(CarriedTasks::Slot slot, Result<Output> result, Explanation&& why) {
  Carried& task = carried_[slot];
  const std::size_t lane = index_of(asked_for(task.record));
  --(task.launched ? launched_ : queued_)[lane];
  held_[lane].tasks.fetch_sub(1, std::memory_order_relaxed);
  why.record = task.record;
  why.known_as = task.known_as;
  why.raised = task.raised;
  why.traced = std::move(task.traced);
  why.ok = result.has_value();
  if (!why.ok) why.error = result.error().code;
  TaskOutcome outcome{task.record.id, std::move(result), why.timing};
  if (why.traced && why.traced->span != 0) traced_.push_back({why, batch_span_});
  explained_.push_back(std::move(why));
  outbox_.add(std::move(task.reply), std::move(outcome));
  carried_.forget(slot);
}

// The counts first: whoever has the answer finds it counted.
void Dispatcher::send_out() {
  stats_.update([this](NodeStats& stats) { count(stats); });
  const Instant at = now();
  gauge_.set(at, policy_->load(at), options_.devices.size());
  if (!explained_.empty() && log_.enabled(Level::debug)) log_outcomes();
  if (!traced_.empty()) record_spans(at);
  if (!explained_.empty()) explanations_.add(explained_);
  explained_.clear();
  outbox_.flush();
  if (!looked_.empty()) answer_looks();
}

void Dispatcher::count(NodeStats& stats) {
  for (const Departure& departure : departures_) {
    LaneStats& lane = stats.of(departure.lane);
    ++lane.batches;
    ++lane.batch_tasks[std::min<std::size_t>(departure.tasks, lane.batch_tasks.size() - 1)];
    ++stats.reasons[static_cast<std::size_t>(departure.reason)];
    if (departure.entry == Entry::inside) ++stats.inside;
    ++stats.kinds[departure.kind].batches;
    WorkerStats& worker = stats.of(departure.worker);
    ++worker.batches;
    worker.tasks += departure.tasks;
  }
  departures_.clear();
  for (const Landing& landing : landings_) stats.of(landing.worker).busy += landing.busy;
  landings_.clear();
  for (const Explanation& one : explained_) {
    stats.note(one.record, one.timing, one.ok);
    LaneStats& lane = stats.of(one.timing.lane);
    if (!one.ok) {
      ++lane.failed[one.error];
      continue;
    }
    ++lane.completed;
    lane.queue.add(one.timing.queue + one.timing.batch_wait);
    lane.batch_wait.add(one.timing.batch_wait);
    const Duration total = one.timing.queue + one.timing.batch_wait + one.timing.compute;
    lane.total.add(total);
    if (one.record.deadline == never) continue;
    const Duration slack = one.record.deadline - one.record.submitted - total;
    if (slack < Duration::zero())
      ++lane.late;
    else
      lane.slack.add(slack);
  }
  for (std::size_t i = 0; i < lane_count; ++i) {
    LaneStats& lane = stats.lanes[i];
    lane.accepted += std::exchange(entered_[i], 0);
    lane.yields += std::exchange(yields_[i], 0);
    lane.queued = queued_[i];
    lane.oldest = ages_[i].oldest([this](TaskId task) {
      const auto slot = carried_.find(task);
      return slot && !carried_[*slot].launched;
    });
    lane.launched = launched_[i];
  }
}

// Whoever still waits is told so.
void Dispatcher::end() {
  incoming_->reports.close();
  const Instant at = now();
  for (std::size_t lane = 0; lane < lane_count; ++lane) {
    auto& taken = lane == index_of(Lane::urgent) ? taken_urgent_ : taken_ordinary_;
    taken.erase(taken.begin(),
                taken.begin() +
                    static_cast<std::ptrdiff_t>(&taken == &taken_ordinary_ ? ordinary_done_ : 0));
    for (auto& order : orders_[lane].close()) taken.push_back(std::move(order));
    for (auto& order : taken)
      if (order.what == Order::What::submit) {
        ++entered_[lane];
        ++queued_[lane];
        carried_.add({order.task.record,
                      order.task.known_as,
                      {},
                      std::move(order.task.reply),
                      false,
                      false,
                      false,
                      std::move(order.task.traced)});
      }
  }
  for (const auto slot : carried_.all()) {
    Explanation why;
    why.timing.queue = std::max(Duration::zero(), at - carried_[slot].record.submitted);
    why.timing.lane = asked_for(carried_[slot].record);
    conclude(slot, draining_error(), std::move(why));
  }
  for (Look& look : taken_looks_) looked_.push_back(std::move(look));
  for (Look& look : looks_.close()) looked_.push_back(std::move(look));
  send_out();
}

}  // namespace troupe::actors
