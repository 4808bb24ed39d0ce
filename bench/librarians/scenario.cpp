#include "bench/librarians/scenario.hpp"

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "bench/librarians/protocol.hpp"
#include "scheduler/placement.hpp"

namespace troupe::bench {
namespace {

constexpr Duration poll = std::chrono::milliseconds(100);
constexpr Duration settle = std::chrono::milliseconds(300);  // for the last answers of a pass
constexpr Duration answer_period = std::chrono::milliseconds(25);
constexpr Duration answer_limit = std::chrono::seconds(5);
constexpr Duration status_limit = std::chrono::seconds(5);

std::string three_digits(std::size_t number) {
  std::string digits = std::to_string(number);
  return std::string(digits.size() < 3 ? 3 - digits.size() : 0, '0') + digits;
}

std::vector<std::string> texts(const std::vector<Question>& questions) {
  std::vector<std::string> result;
  for (const auto& question : questions) result.push_back(question.text);
  return result;
}

Error interrupted_error() {
  return {ErrorCode::canceled, "the scenario was interrupted", ""};
}

}  // namespace

// The state of one run_load.
struct Scenario::Pass {
  LoadReport report;
  std::size_t next = 0;  // document to send
  std::size_t in_flight = 0;
  std::size_t settled = 0;        // shelved or failed for good
  std::deque<std::size_t> again;  // refused for load
};

Scenario::Scenario(const ScenarioOptions& options, const Library& library,
                   const std::vector<Question>& questions, const std::atomic<bool>& interrupted)
    : options_(options), library_(library), questions_(questions), interrupted_(interrupted) {}

Result<LoadReport> Scenario::run_load(Client& client, Duration pace,
                                      const std::function<void(const Progress&)>& on_progress) {
  Pass pass;
  pass.report.documents = library_.documents.size();
  const std::size_t documents = library_.documents.size();
  if (auto started = start_readers(client); !started) return started.error();
  const Instant begin = now();
  Instant last_news = begin;
  Instant last_progress = begin;
  bool shelving = true;

  while (shelving || pass.report.questions < options_.questions_min) {
    if (interrupted_) return interrupted_error();
    while (pass.in_flight < options_.window && (pass.next < documents || !pass.again.empty())) {
      std::size_t document = 0;
      if (pass.next < documents) {
        document = pass.next++;
      } else {
        document = pass.again.front();
        pass.again.pop_front();
      }
      if (auto sent = shelve(client, document); !sent) return sent.error();
      ++pass.in_flight;
    }
    const auto mail = client.receive(poll);
    const Instant at = now();
    if (mail) {
      last_news = at;
      if (auto taken = take(pass, *mail); !taken) return taken.error();
    } else if (at - last_news > options_.silence_max) {
      return Error{ErrorCode::unreachable, "the cluster has been silent for too long",
                   "look at the nodes' logs"};
    }
    if (shelving && pass.settled == documents) {
      shelving = false;
      pass.report.took = at - begin;
    }
    if (at - last_progress >= pace) {
      last_progress = at;
      const double seconds =
          std::chrono::duration<double>(shelving ? at - begin : pass.report.took).count();
      on_progress({pass.settled, documents, static_cast<double>(pass.settled) / seconds,
                   pass.report.questions, pass.report.missed, pass.report.urgent.quantile(0.99)});
    }
  }
  if (auto resting = rest_readers(client); !resting) return resting.error();
  while (const auto mail = client.receive(settle))
    if (auto taken = take(pass, *mail); !taken) return taken.error();
  if (auto counted = add_node_counts(client, pass.report); !counted) return counted.error();
  return std::move(pass.report);
}

Status Scenario::take(Pass& pass, const Letter& mail) const {
  LoadReport& report = pass.report;
  if (mail.topic == "shelved") {
    const auto shelved = from_json<Shelved>(mail.body);
    if (!shelved) return shelved.error();
    --pass.in_flight;
    if (!shelved->ok && shelved->error == name(ErrorCode::queue_full)) {
      ++report.resent;
      pass.again.push_back(shelved->document);
      return {};
    }
    ++pass.settled;
    report.tokens += shelved->tokens;
    report.truncated += shelved->truncated ? 1 : 0;
    if (shelved->ok) {
      report.ordinary.add(shelved->took);
    } else {
      ++report.failed;
      report.first_errors.emplace(shelved->error, shelved->what);
    }
    return {};
  }
  if (mail.topic == "answered") {
    const auto answered = from_json<Answered>(mail.body);
    if (!answered) return answered.error();
    ++report.questions;
    if (answered->ok) report.urgent.add(answered->latency);
    if (!answered->ok || answered->latency > options_.time_limit) ++report.missed;
    return {};
  }
  return Error{ErrorCode::handler_failed,
               to_string(mail.from) + " answered '" + mail.topic + "': " + mail.body,
               "look at the nodes' logs"};
}

Result<std::vector<AnswerReport>> Scenario::ask_all(Client& client) {
  const AgentId asker{std::string(reader_type), "answers"};
  Read orders;
  orders.model = options_.model;
  orders.period = answer_period;
  orders.time_limit = answer_limit;
  orders.k = options_.hits;
  orders.rounds = 1;
  orders.questions = texts(questions_);
  if (auto sent = client.send(asker, "read", to_json(orders)); !sent) return sent.error();

  std::vector<AnswerReport> reports;
  while (reports.size() < questions_.size()) {
    if (interrupted_) return interrupted_error();
    const auto mail = client.receive(options_.silence_max);
    if (!mail)
      return Error{ErrorCode::unreachable, "the reader stopped answering",
                   "look at the nodes' logs"};
    if (mail->topic != "answered" || mail->from != asker) continue;  // late news of the load
    const auto answered = from_json<Answered>(mail->body);
    if (!answered) return answered.error();
    AnswerReport report{answered->question, answered->latency, answered->error, {}, 0};
    const auto& expected = questions_.at(answered->question).expected;
    for (const auto& hit : answered->hits) {
      if (hit.document >= library_.documents.size()) continue;
      report.hits.emplace_back(hit.document, hit.score);
      const auto& found = library_.documents[hit.document].name;
      if (report.rank == 0 && std::find(expected.begin(), expected.end(), found) != expected.end())
        report.rank = report.hits.size();
    }
    reports.push_back(std::move(report));
  }
  std::sort(reports.begin(), reports.end(),
            [](const auto& a, const auto& b) { return a.question < b.question; });
  return reports;
}

AgentId Scenario::librarian_of(std::size_t document) const {
  return {std::string(librarian_type), three_digits(document % options_.librarians)};
}

AgentId Scenario::reader(std::uint32_t number) const {
  return {std::string(reader_type), three_digits(number)};
}

Status Scenario::shelve(Client& client, std::size_t document) const {
  const AgentId to = librarian_of(document);
  const Shelve body{document, options_.model, library_.documents[document].text};
  return client.send(to, "shelve", to_json(body));
}

// Readers start spread over one period and ask from different places of the list.
Status Scenario::start_readers(Client& client) const {
  for (std::uint32_t i = 0; i < options_.readers; ++i) {
    Read orders;
    orders.model = options_.model;
    orders.period = options_.question_period;
    orders.first = options_.question_period * i / options_.readers;
    orders.time_limit = options_.time_limit;
    orders.k = options_.hits;
    orders.offset = std::uint64_t{i} * questions_.size() / options_.readers;
    orders.questions = texts(questions_);
    const AgentId to = reader(i);
    if (auto sent = client.send(to, "read", to_json(orders)); !sent) return sent;
  }
  return {};
}

Status Scenario::rest_readers(Client& client) const {
  for (std::uint32_t i = 0; i < options_.readers; ++i) {
    const AgentId to = reader(i);
    if (auto sent = client.send(to, "rest", "{}"); !sent) return sent;
  }
  return {};
}

Status Scenario::add_node_counts(Client& client, LoadReport& report) const {
  for (const auto& node : options_.nodes) {
    const auto body = client.control(node, "status", "", status_limit);
    if (!body) return body.error();
    const auto status = nlohmann::json::parse(*body, nullptr, false);
    const auto path = nlohmann::json::json_pointer("/lanes/ordinary");
    if (status.is_discarded() || !status.contains(path))
      return Error{ErrorCode::malformed, "node '" + node + "' answered a status without lanes",
                   "do the nodes and this program have the same version?"};
    const auto& lane = status[path];
    for (const auto& [tasks, batches] : lane["batch_tasks"].items())
      report.batch_tasks[static_cast<std::uint32_t>(std::stoul(tasks))] +=
          batches.get<std::uint64_t>();
    report.yields += lane["yields"].get<std::uint64_t>();
  }
  return {};
}

}  // namespace troupe::bench
