// nearest_text CLUSTER_FILE MODEL QUESTION TEXT...: which of some texts is nearest to a question.
// The texts go as ordinary tasks, which share batches; the question as an urgent one, which does
// not wait for them.
#include <troupe/client.hpp>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace {

int fail(const troupe::Error& error) {
  std::fprintf(stderr, "nearest_text: %s\n", error.to_string().c_str());
  return 1;
}

troupe::TaskRequest encode(std::string model, std::string text, troupe::Lane lane) {
  troupe::TaskRequest request;
  request.model = std::move(model);
  request.work = troupe::Encode{std::move(text)};
  request.lane = lane;
  return request;
}

float dot(const std::vector<float>& a, const std::vector<float>& b) {
  float sum = 0;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

int main(int count, char** words) {
  if (count < 5) {
    std::fprintf(stderr, "usage: nearest_text CLUSTER_FILE MODEL QUESTION TEXT...\n");
    return 2;
  }
  const auto client = troupe::connect(words[1]);
  if (!client) return fail(client.error());

  troupe::Outcomes outcomes(**client);
  std::map<troupe::TaskId, std::string> texts;
  for (int i = 4; i < count; ++i)
    texts[outcomes.submit(encode(words[2], words[i], troupe::Lane::ordinary))] = words[i];
  troupe::Task asked = (*client)->submit(encode(words[2], words[3], troupe::Lane::urgent));

  const troupe::TaskOutcome question = asked.outcome.get();
  if (!question.result) return fail(question.result.error());
  const auto& wanted = std::get<troupe::Embedding>(*question.result).vector;
  std::string best;
  float best_score = -2;
  while (const auto outcome = outcomes.next()) {
    if (!outcome->result) return fail(outcome->result.error());
    const float score = dot(wanted, std::get<troupe::Embedding>(*outcome->result).vector);
    if (score > best_score) {
      best_score = score;
      best = texts.at(outcome->id);
    }
  }
  std::printf("%.3f  %s\n", best_score, best.c_str());
  return 0;
}
