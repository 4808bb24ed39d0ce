// What changes while the dispatcher works: models that come, and the scheduler's options.
#include "actors/dispatcher.hpp"

namespace troupe::actors {

void Dispatcher::model_came(ModelId model) {
  Order order{Order::What::model_came, {}};
  order.task.record.kind.model = model;
  orders_[index_of(Lane::urgent)].push(std::move(order));
  incoming_->wakeup.notify();
}

void Dispatcher::set_options(const scheduler::SchedulerOptions& options) {
  held_[index_of(Lane::urgent)].tasks_max = options.urgent_queue_tasks_max;
  held_[index_of(Lane::ordinary)].tasks_max = options.ordinary_queue_tasks_max;
  Order order{Order::What::options, {}};
  order.options = std::make_unique<scheduler::SchedulerOptions>(options);
  orders_[index_of(Lane::urgent)].push(std::move(order));
  incoming_->wakeup.notify();
}

// Of a text encoder. Nothing is known of one that is not loaded.
void Dispatcher::guess_cost(Instant at, WorkerId worker, ModelId model) {
  const kernels::Cost guess = options_.devices[worker.value]->cost(model);
  if (guess.fixed + guess.per_unit == Duration::zero()) return;
  tell(at, scheduler::CostGuessed{
               worker, {scheduler::Operation::encode, model}, guess.fixed, guess.per_unit});
}

}  // namespace troupe::actors
