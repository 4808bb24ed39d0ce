// The part of the conformance cases that is about what agents remember.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <set>
#include <thread>

#include "base/limits.hpp"
#include "kernels/ref/recall.hpp"
#include "tests/kernels/conformance.hpp"
#include "tests/kernels/device_report.hpp"

namespace troupe::kernels::test {
namespace {

AgentId librarian(std::size_t key) {
  return {"librarian", std::to_string(key)};
}

Batch batch_of(const std::vector<Recall>& tasks) {
  Batch batch;
  for (const auto& task : tasks) batch.items.push_back({{1, batch.items.size() + 1}, task});
  return batch;
}

std::vector<Result<Output>> answers_of(Device& device, const std::vector<Recall>& tasks,
                                       bool urgent = false) {
  Report report;
  const auto batch = batch_of(tasks);
  REQUIRE((urgent ? device.submit_urgent(batch, report.completion())
                  : device.submit(batch, report.completion())));
  std::vector<Result<Output>> answers;
  for (auto& result : report.wait().results) answers.push_back(std::move(result.output));
  REQUIRE(answers.size() == tasks.size());
  return answers;
}

Hits hits_of(Device& device, const Recall& task) {
  const auto answer = answers_of(device, {task}).front();
  if (!answer) FAIL(answer.error().to_string());
  return std::get<Hits>(*answer);
}

// A store and, for the reference, what is in it.
class Shelves {
 public:
  Shelves(std::size_t width, RowFormat format) : width_(width), random_(width) {
    MemoryOptions options;
    options.rows = format;
    store = std::make_shared<MemoryStore>(std::uint64_t{8} << 20, options);
  }

  void append(std::size_t agent, std::uint64_t number) {
    forget_here(agent, number);
    const auto vector = random_vector(width_, random_);
    REQUIRE(store->append(librarian(agent), number, vector));
    documents.push_back({to_string(librarian(agent)), number, vector});
  }
  void forget(std::size_t agent, std::uint64_t number) {
    REQUIRE(store->forget(librarian(agent), number));
    forget_here(agent, number);
  }
  void forget(std::size_t agent) {
    store->forget(librarian(agent));
    std::erase_if(documents,
                  [&](const auto& d) { return d.memory == to_string(librarian(agent)); });
  }
  std::vector<float> query() { return random_vector(width_, random_); }

  // Of one memory, or of all.
  [[nodiscard]] std::vector<ref::Score> expected(const Recall& task) const {
    auto scope = documents;
    if (task.scope.back() != '*')
      std::erase_if(scope, [&](const auto& d) { return d.memory != task.scope; });
    return ref::recall(scope, task.query, task.k);
  }

  std::shared_ptr<MemoryStore> store;
  std::vector<ref::Document> documents;

 private:
  void forget_here(std::size_t agent, std::uint64_t number) {
    std::erase_if(documents, [&](const auto& d) {
      return d.number == number && d.memory == to_string(librarian(agent));
    });
  }

  std::size_t width_;
  Random random_;
};

void check_same(const Result<Output>& answer, const std::vector<ref::Score>& expected, bool exact) {
  if (!answer) FAIL(answer.error().to_string());
  const auto& hits = std::get<Hits>(*answer).hits;
  REQUIRE(hits.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(std::abs(static_cast<double>(hits[i].score) - expected[i].cosine) <
          (exact ? 1e-6 : 1.0 / 256 + 1e-6));
    if (!exact) continue;
    CHECK(hits[i].memory == expected[i].memory);
    CHECK(hits[i].document == expected[i].document);
  }
}

}  // namespace

void check_recalling(const Subject& subject) {
  for (const RowFormat format : {RowFormat::f32, RowFormat::bf16, RowFormat::halves}) {
    for (const std::size_t width : {1U, 3U, 61U, 384U}) {
      // In bfloat16 one dimension is exact, and others may change places.
      const bool exact = format != RowFormat::bf16 || width == 1;
      INFO("format " << static_cast<int>(format) << ", width " << width);
      Shelves shelves(width, format);
      for (std::uint64_t i = 0; i < 160; ++i) shelves.append(i % 5, i);
      const auto device = subject.open({{}, {}, shelves.store});
      const auto look = [&] {
        std::vector<Recall> tasks;
        for (const std::uint32_t k : {1U, 10U, 159U, 1000U}) {
          tasks.push_back({"librarian/*", shelves.query(), k});
          tasks.push_back({"librarian/" + std::to_string(k % 5), shelves.query(), k});
        }
        tasks.push_back({"librarian/99", shelves.query(), 3});
        for (const bool urgent : {false, true}) {
          const auto answers = answers_of(*device, tasks, urgent);
          for (std::size_t i = 0; i < tasks.size(); ++i)
            check_same(answers[i], shelves.expected(tasks[i]), exact);
          // Whoever asks beside it, an answer is bitwise the same.
          CHECK(*answers_of(*device, {tasks[2]}, urgent).front() == *answers[2]);
        }
      };
      look();
      for (std::uint64_t i = 0; i < 160; i += 7) shelves.forget(i % 5, i);
      look();
      for (std::uint64_t i = 0; i < 160; i += 11) shelves.append(i % 5, i);  // replaced, or again
      shelves.append(0, 1000);
      look();
      shelves.forget(3);
      shelves.append(7, 1);
      for (std::uint64_t i = 2000; i < 2100; ++i) shelves.append(1, i);
      look();
    }
  }
  // Equal scores come by document number, then by memory name; bad ones stand beside good ones.
  const auto store = std::make_shared<MemoryStore>(1 << 20);
  for (const std::size_t key : {2U, 1U, 3U}) {
    for (const std::uint64_t document : {9U, 4U, 7U})
      REQUIRE(store->append(librarian(key), document, std::vector<float>{1, 2, 3}));
  }
  REQUIRE(store->append({"reader", "1"}, 1, std::vector<float>{1, 0}));
  REQUIRE(store->append({"reader", "2"}, 1, std::vector<float>{1, 0, 0}));
  const auto device = subject.open({{}, {}, store});
  std::string order;
  for (const auto& hit : hits_of(*device, {"librarian/*", {2, 4, 6}, 5}).hits) {
    order += std::to_string(hit.document) + "@" + hit.memory.back() + " ";
    CHECK(hit.score <= 1.0F);
    CHECK(hit.score > 0.999999F);
  }
  CHECK(order == "4@1 4@2 4@3 7@1 7@2 ");
  const float infinite = std::numeric_limits<float>::infinity();
  const std::vector<Recall> bad = {
      {"reader/1", {}, 1},
      {"reader/1", {0, 0}, 1},
      {"reader/1", {1, std::nanf("")}, 1},
      {"reader/1", {-infinite, 1}, 1},
      {"reader/1", {1, 0, 0}, 1},
      {"reader/*", {1, 0}, 1},  // the second remembers another width
      {"reader/1", {1, 0}, 0},
      {"reader/1", {1, 0}, limits::recall_hits_max + 1},
      {"reader", {1, 0}, 1},
      {"reader/1", std::vector<float>(limits::embedding_width_max + 1, 1.0F), 1},
      {"reader/1", {1, 0}, 1},  // this one is good
  };
  const auto answers = answers_of(*device, bad);
  for (std::size_t i = 0; i + 1 < bad.size(); ++i) {
    INFO("bad recall " << i);
    REQUIRE_FALSE(answers[i]);
    CHECK(answers[i].error().code == ErrorCode::invalid_argument);
  }
  CHECK(std::get<Hits>(*answers.back()).hits == std::vector<Hit>{{"reader/1", 1, 1.0F}});

  const auto without = subject.open({{}, {}, nullptr});
  CHECK(answers_of(*without, {{"reader/1", {1, 0}, 1}}).front().error().code ==
        ErrorCode::unsupported);
}

void check_recalling_while_agents_remember(const Subject& subject) {
  for (const auto eviction : {Eviction::oldest, Eviction::least_recently_recalled}) {
    MemoryOptions options;
    options.documents_max = 200;
    options.eviction = eviction;
    const auto store = std::make_shared<MemoryStore>(std::uint64_t{8} << 20, options);
    Random random(5);
    for (std::uint64_t i = 0; i < 100; ++i)
      REQUIRE(store->append(librarian(i % 4), i, random_vector(32, random)));
    const auto device = subject.open({{}, {}, store});
    std::atomic<bool> done = false;
    std::thread agents([&] {
      Random mine(6);
      for (std::uint64_t i = 0; i < 3000; ++i) {
        const auto agent = librarian(i % 4);
        (void)store->append(agent, 1000 + i / 2, random_vector(32, mine));
        if (i % 7 == 0) store->forget(agent, 1000 + mine.below(i / 2 + 1));
        if (i % 500 == 499) store->forget(librarian(3));
      }
      done = true;
    });
    for (int recalls = 0; !done || recalls < 10; ++recalls) {
      const auto answers = answers_of(*device,
                                      {{"librarian/*", random_vector(32, random), 10},
                                       {"librarian/1", random_vector(32, random), 200},
                                       {"librarian/*", random_vector(32, random), 3}},
                                      recalls % 2 == 1);
      std::vector<std::size_t> sizes;
      for (const auto& answer : answers) {
        if (!answer) FAIL(answer.error().to_string());
        const auto& hits = std::get<Hits>(*answer).hits;
        sizes.push_back(hits.size());
        std::set<std::pair<std::string, std::uint64_t>> seen;  // none twice
        for (std::size_t i = 0; i < hits.size(); ++i) {
          REQUIRE((i == 0 || hits[i - 1].score >= hits[i].score));
          REQUIRE(seen.emplace(hits[i].memory, hits[i].document).second);
        }
      }
      REQUIRE(sizes[0] == 10);
      REQUIRE(sizes[2] == 3);
    }
    agents.join();
  }
}

void check_what_is_recalled_stays(const Subject& subject) {
  MemoryOptions options;
  options.documents_max = 3;
  options.eviction = Eviction::least_recently_recalled;
  const auto store = std::make_shared<MemoryStore>(1 << 20, options);
  REQUIRE(store->append(librarian(0), 1, std::vector<float>{1, 0, 0}));
  REQUIRE(store->append(librarian(0), 2, std::vector<float>{0, 1, 0}));
  REQUIRE(store->append(librarian(0), 3, std::vector<float>{0, 0, 1}));
  const auto device = subject.open({{}, {}, store});
  (void)hits_of(*device, {"librarian/0", {1, 0.1F, 0.5F}, 2});  // 1 and 3
  REQUIRE(store->append(librarian(0), 4, std::vector<float>{1, 1, 0}));
  REQUIRE(store->append(librarian(0), 5, std::vector<float>{1, 1, 1}));
  std::vector<std::uint64_t> left;
  for (const auto& hit : hits_of(*device, {"librarian/0", {1, 1, 1}, 9}).hits)
    left.push_back(hit.document);
  std::sort(left.begin(), left.end());
  CHECK(left == std::vector<std::uint64_t>{1, 4, 5});
}

}  // namespace troupe::kernels::test
