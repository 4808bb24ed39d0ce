// A smoke test in the place of a fuzzer: bodies under seeded mutations. The same cases on every
// machine. What must hold: the reader returns; a refusal says why; and what it accepts has as many
// elements as its shape says.
#include <array>
#include <cstring>
#include <numeric>

#include "base/random.hpp"
#include "base/trace.hpp"
#include "gateway/body_reader.hpp"
#include "gateway/routes.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::gateway;

namespace {

struct Case {
  std::string body;
  std::string json_bytes;
};

std::vector<Case> corpus() {
  const std::string binary =
      R"({"inputs":[{"name":"text","shape":[2,1],"datatype":"BYTES","parameters":{"binary_data_size":13}},)"
      R"({"name":"n","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":8}}]})";
  using namespace std::string_literals;
  return {
      {R"({"id":"7","inputs":[{"name":"text","shape":[2],"datatype":"BYTES","data":["a","b"]}]})",
       ""},
      {R"({"parameters":{"priority":1,"timeout":5000,"binary_data_output":true},"inputs":[)"
       R"({"name":"n","shape":[2,2],"datatype":"FP32","data":[[1,2],[3,4.5e3]]}],)"
       R"("outputs":[{"name":"embedding","parameters":{"binary_data":true}}]})",
       ""},
      {binary + "\5\0\0\0hello\0\0\0\0\0\0\x80\x3f\0\0\0\xc0"s, std::to_string(binary.size())},
      {R"({"model":"m","input":["a","\u00e9\ud83d\ude00"],"encoding_format":"base64","priority":2})",
       ""},
  };
}

void mutate(std::string& text, Random& random) {
  constexpr std::string_view telling("\0\1\xff\"{}[],:0123456789-.eE\\", 25);
  if (text.empty()) text.push_back('{');
  const std::size_t at = random.below(text.size());
  switch (random.below(5)) {
    case 0:
      text[at] = random.chance(0.6) ? telling[random.below(telling.size())]
                                    : static_cast<char>(random.below(256));
      break;
    case 1:
      text.erase(at, 1 + random.below(8));
      break;
    case 2:
      text.insert(at, 1 + random.below(8), telling[random.below(telling.size())]);
      break;
    case 3:  // a piece twice: keys that come again, deeper nesting
      text.insert(at, text.substr(random.below(text.size()), random.below(60)));
      break;
    case 4:
      text[at] = static_cast<char>(text[at] ^ (1 << random.below(8)));
      break;
  }
}

void require(bool condition, const char* what, const std::string& body) {
  if (condition) return;
  INFO(body);
  FAIL(what);
}

bool try_infer(BodyReader& reader, std::string body, const std::string& json_bytes) {
  const std::string before = body;
  const auto read = reader.infer(body, json_bytes);
  require(body == before, "the body is left as it was", before);
  if (!read) {
    require(!read.error().what.empty(), "a refusal says why", before);
    return false;
  }
  for (const auto& input : read->inputs) {
    const auto wanted = std::accumulate(input.shape.begin(), input.shape.end(), std::uint64_t{1},
                                        std::multiplies<>());
    const auto found = std::visit([](const auto& all) { return all.size(); }, input.data);
    require(found == wanted, "data and shape agree", before);
  }
  return true;
}

}  // namespace

TEST_CASE("the reader of bodies survives mutated requests", "[fuzz]") {
  const auto all = corpus();
  Random random(1);
  BodyReader reader;
  int accepted = 0;
  constexpr int cases = 30'000;
  for (int i = 0; i < cases; ++i) {
    Case one = all[random.below(all.size())];
    for (auto left = random.below(4); left > 0; --left) mutate(one.body, random);
    if (random.chance(0.05)) mutate(one.json_bytes, random);
    if (try_infer(reader, one.body, one.json_bytes)) ++accepted;
    const auto embeddings = reader.embeddings(one.body);
    if (embeddings)
      ++accepted;
    else
      require(!embeddings.error().what.empty(), "a refusal says why", one.body);
  }
  // Too few would mean that nothing but the first check was tried.
  CHECK(accepted > cases / 20);
  CHECK(accepted < cases * 19 / 20);
}

TEST_CASE("targets and traces survive random bytes", "[fuzz]") {
  Random random(2);
  const std::string target = "/v2/models/m%2e/versions/1/infer?x=%00#y";
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  for (int i = 0; i < 30'000; ++i) {
    std::string text = random.chance(0.5) ? target : trace;
    for (auto left = 1 + random.below(4); left > 0; --left) mutate(text, random);
    const Route found = route("POST", text);
    require(found.model.find('/') == std::string::npos, "no model's name has a slash", text);
    const auto parsed = parse_traceparent(text);
    if (parsed) require(parse_traceparent(traceparent(*parsed)).has_value(), "it reads back", text);
  }
}
