#include "scheduler/journal.hpp"

#include <bit>
#include <cmath>
#include <utility>

namespace troupe::scheduler {
namespace {

constexpr std::string_view magic = "troupeJ2";
constexpr std::uint64_t calls_per_checkpoint = 1000;

enum class Tag : std::uint8_t {
  advance = 0,
  submitted = 1,
  canceled = 2,
  raised = 3,
  joined = 4,
  guessed = 5,
  left = 6,
  finished = 7,
  options = 8,
  checkpoint = 9
};

// --- bytes out -----------------------------------------------------------------------------------

class Out {
 public:
  explicit Out(std::string& bytes) : bytes_(bytes) {}

  void tag(Tag tag) { bytes_.push_back(static_cast<char>(tag)); }
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
    bytes_.push_back(static_cast<char>(value));
  }
  void fixed(std::uint64_t value) {
    for (int i = 0; i < 8; ++i) bytes_.push_back(static_cast<char>(value >> (8 * i)));
  }
  void signed_number(std::int64_t value) {
    number((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
  }
  void duration(Duration value) { signed_number(value.count()); }
  void instant(Instant value) { signed_number(value.time_since_epoch().count()); }
  void task(TaskId id) { fixed(id.high), fixed(id.low); }
  void kind(const Kind& kind) {
    number(static_cast<std::uint64_t>(kind.operation)), number(kind.model.value);
  }

 private:
  std::string& bytes_;
};

// The tags of events have the order of the variant's alternatives.
Tag tag_of(const Event& event) noexcept {
  static_assert(std::variant_size_v<Event> == static_cast<std::size_t>(Tag::options));
  return static_cast<Tag>(event.index() + 1);
}

void put(Out& out, const TaskSubmitted& event) {
  const TaskRecord& task = event.task;
  out.task(task.id);
  out.kind(task.kind);
  out.number(task.account.tenant.value);
  out.number(task.account.workflow);
  out.fixed(task.account.agent);
  out.number(task.units);
  out.number(std::bit_cast<std::uint32_t>(task.weight));
  out.number(task.lane ? 1 + static_cast<std::uint64_t>(*task.lane) : 0);
  out.instant(task.submitted);
  out.instant(task.deadline);
}
void put(Out& out, const TaskCanceled& event) {
  out.task(event.task);
}
void put(Out& out, const TaskRaised& event) {
  out.task(event.task);
  out.instant(event.deadline);
}
void put(Out& out, const WorkerJoined& event) {
  out.number(event.worker.value);
  out.number(event.slots);
  out.duration(event.cost_fixed);
  out.duration(event.cost_per_unit);
  out.duration(event.tile);
  out.number(event.urgent_slots);
}
void put(Out& out, const CostGuessed& event) {
  out.number(event.worker.value);
  out.kind(event.kind);
  out.duration(event.fixed);
  out.duration(event.per_unit);
}
void put(Out& out, const WorkerLeft& event) {
  out.number(event.worker.value);
}
void put(Out& out, const BatchFinished& event) {
  out.number(event.worker.value);
  out.number(event.batch.value);
  out.duration(event.busy);
}

void put(Out& out, const SchedulerOptions& options) {
  out.number(options.lanes ? 1 : 0);
  out.number(options.batching ? 1 : 0);
  out.number(options.tasks_max);
  out.number(options.units_max);
  out.number(options.urgent_queue_tasks_max);
  out.number(options.ordinary_queue_tasks_max);
  out.number(options.attempts_max);
}
void put(Out& out, const OptionsChanged& event) {
  put(out, event.options);
}

// --- bytes in ------------------------------------------------------------------------------------

// Reading past the end, or a number that does not fit, sets what is wrong and reads zeros from
// then on.
class In {
 public:
  explicit In(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] std::size_t at() const noexcept { return at_; }
  [[nodiscard]] bool at_end() const noexcept { return at_ == bytes_.size(); }
  [[nodiscard]] bool cut_short() const noexcept { return cut_short_; }
  [[nodiscard]] bool damaged() const noexcept { return damaged_; }

  std::uint8_t byte() {
    if (at_end()) {
      cut_short_ = true;
      return 0;
    }
    return static_cast<std::uint8_t>(bytes_[at_++]);
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t part = byte();
      value |= static_cast<std::uint64_t>(part & 0x7f) << shift;
      if ((part & 0x80) == 0) return value;
    }
    damaged_ = true;
    return 0;
  }
  std::uint32_t small() {
    const std::uint64_t value = number();
    if (value > UINT32_MAX) damaged_ = true;
    return static_cast<std::uint32_t>(value);
  }
  std::uint64_t fixed() {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value |= static_cast<std::uint64_t>(byte()) << (8 * i);
    return value;
  }
  std::int64_t signed_number() {
    const std::uint64_t value = number();
    return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
  }
  bool flag() { return choice(2) == 1; }
  std::uint32_t choice(std::uint32_t choices) {
    const std::uint32_t value = small();
    if (value >= choices) damaged_ = true;
    return value;
  }
  // Long enough for anything; hostile numbers must not overflow sums of a few of them.
  Duration duration() {
    const std::int64_t value = signed_number();
    constexpr std::int64_t most = std::int64_t{1} << 60;
    if (value > most || value < -most) damaged_ = true;
    return damaged_ ? Duration{} : Duration{value};
  }
  Instant instant() {
    const std::int64_t value = signed_number();
    if (Instant{Duration{value}} == never) return never;
    constexpr std::int64_t most = std::int64_t{1} << 61;
    if (value > most || value < -most) damaged_ = true;
    return damaged_ ? Instant{} : Instant{Duration{value}};
  }
  TaskId task() {
    TaskId id;
    id.high = fixed();
    id.low = fixed();
    return id;
  }
  Kind kind() {
    Kind kind;
    kind.operation = static_cast<Operation>(choice(operations));
    kind.model.value = small();
    return kind;
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool cut_short_ = false;
  bool damaged_ = false;
};

TaskSubmitted get_submitted(In& in) {
  TaskRecord task;
  task.id = in.task();
  task.kind = in.kind();
  task.account.tenant.value = in.small();
  task.account.workflow = in.small();
  task.account.agent = in.fixed();
  task.units = in.small();
  task.weight = std::bit_cast<float>(in.small());
  if (const std::uint32_t lane = in.choice(3)) task.lane = static_cast<Lane>(lane - 1);
  task.submitted = in.instant();
  task.deadline = in.instant();
  return {task};
}

WorkerJoined get_joined(In& in) {
  WorkerJoined event;
  event.worker.value = in.small();
  event.slots = in.small();
  event.cost_fixed = in.duration();
  event.cost_per_unit = in.duration();
  event.tile = in.duration();
  event.urgent_slots = in.small();
  return event;
}

SchedulerOptions get_options(In& in) {
  SchedulerOptions options;
  options.lanes = in.flag();
  options.batching = in.flag();
  options.tasks_max = in.small();
  options.units_max = in.small();
  options.urgent_queue_tasks_max = in.small();
  options.ordinary_queue_tasks_max = in.small();
  options.attempts_max = in.small();
  return options;
}

// Braces evaluate from left to right.
std::optional<Event> get_event(Tag tag, In& in) {
  switch (tag) {
    case Tag::submitted:
      return get_submitted(in);
    case Tag::canceled:
      return TaskCanceled{in.task()};
    case Tag::raised:
      return TaskRaised{in.task(), in.instant()};
    case Tag::joined:
      return get_joined(in);
    case Tag::guessed:
      return CostGuessed{WorkerId{in.small()}, in.kind(), in.duration(), in.duration()};
    case Tag::left:
      return WorkerLeft{WorkerId{in.small()}};
    case Tag::finished:
      return BatchFinished{WorkerId{in.small()}, BatchId{in.number()}, in.duration()};
    case Tag::options:
      return OptionsChanged{get_options(in)};
    default:
      return std::nullopt;
  }
}

Error damaged_at(std::size_t byte) {
  return {ErrorCode::malformed, "the recording is damaged at byte " + std::to_string(byte),
          "record again"};
}

}  // namespace

void DecisionHash::add(Instant now, const Actions& decisions) noexcept {
  for (const Action& action : decisions) {
    word(static_cast<std::uint64_t>(now.time_since_epoch().count()));
    if (const auto* launch = std::get_if<Launch>(&action)) {
      word(launch->worker.value);
      word(launch->batch.value);
      word(static_cast<std::uint64_t>(launch->entry));
      word(static_cast<std::uint64_t>(launch->reason));
      word(static_cast<std::uint64_t>(launch->predicted.count()));
      for (const TaskId task : launch->tasks) word(task.high), word(task.low);
    } else {
      const auto& refuse = std::get<Refuse>(action);
      word(refuse.task.high), word(refuse.task.low);
      word(static_cast<std::uint64_t>(refuse.reason));
      word(static_cast<std::uint64_t>(refuse.retry_after.count()));
      word(static_cast<std::uint64_t>(refuse.earliest_deadline.count()));
    }
  }
}

JournalWriter::JournalWriter(const SchedulerOptions& options) {
  bytes_ = magic;
  Out out(bytes_);
  put(out, options);
}

void JournalWriter::note(Instant now, const Event* event, const Actions& decisions) {
  Out out(bytes_);
  out.tag(event == nullptr ? Tag::advance : tag_of(*event));
  out.duration(now - last_);
  if (event != nullptr) std::visit([&](const auto& what) { put(out, what); }, *event);
  last_ = now;
  hash_.add(now, decisions);
  if (++noted_ % calls_per_checkpoint == 0) checkpoint();
}

void JournalWriter::checkpoint() {
  Out out(bytes_);
  out.tag(Tag::checkpoint);
  out.fixed(hash_.value());
}

void JournalWriter::finish() {
  checkpoint();
}

std::string JournalWriter::take() {
  return std::exchange(bytes_, {});
}

Result<Replay> replay(std::string_view recording) {
  if (!recording.starts_with(magic))
    return Error{ErrorCode::malformed, "this is not a recording of a scheduler",
                 "make one with `troupe up --record DIR`"};
  In in(recording.substr(magic.size()));
  const SchedulerOptions options = get_options(in);
  if (in.cut_short() || in.damaged()) return damaged_at(magic.size() + in.at());
  Scheduler scheduler(options);
  Replay result;
  DecisionHash hash;
  Instant now;
  Actions decisions;
  while (!in.at_end()) {
    const auto tag = static_cast<Tag>(in.byte());
    result.complete = tag == Tag::checkpoint;
    if (tag == Tag::checkpoint) {
      const std::uint64_t recorded = in.fixed();
      if (in.cut_short()) break;
      ++result.checkpoints;
      if (recorded != hash.value() && !result.differs_after) result.differs_after = result.calls;
      continue;
    }
    const Duration since = in.duration();
    const auto event = get_event(tag, in);
    const Instant at = later(now, since);
    if (in.cut_short()) break;
    if (in.damaged() || (!event && tag != Tag::advance) || at.time_since_epoch().count() < 0)
      return damaged_at(magic.size() + in.at());
    now = at;
    decisions.clear();
    if (event)
      scheduler.handle(now, *event, decisions);
    else
      scheduler.advance(now, decisions);
    result.events += event ? 1 : 0;
    ++result.calls;
    result.decisions += decisions.size();
    hash.add(now, decisions);
  }
  if (in.cut_short()) result.complete = false;
  result.hash = hash.value();
  return result;
}

}  // namespace troupe::scheduler
