// Thousands of damaged checkpoints. Under AddressSanitizer this shows that no damage leads out of
// the file; everywhere it shows that what is accepted keeps the promises of models/safetensors.hpp.
#include <algorithm>
#include <cstdint>
#include <string>

#include "base/random.hpp"
#include "models/bert_weights.hpp"
#include "models/safetensors.hpp"
#include "tests/catch.hpp"
#include "tests/models/checkpoint.hpp"
#include "tests/models/files.hpp"

using namespace troupe::models;
using namespace troupe::models::test;
using troupe::Random;

namespace {

// A small file with several types and a gap-free cover.
std::string seed_file() {
  return safetensors_bytes(
      R"({"__metadata__":{"format":"pt"},)"
      R"("embeddings.word_embeddings.weight":{"dtype":"F32","shape":[5,4],"data_offsets":[0,80]},)"
      R"("b":{"dtype":"F16","shape":[4],"data_offsets":[80,88]},)"
      R"("c":{"dtype":"I64","shape":[1,2],"data_offsets":[88,104]},)"
      R"("d":{"dtype":"BOOL","shape":[],"data_offsets":[104,105]}})",
      std::string(105, '\x3c'));
}

std::string mutate(std::string bytes, Random& random) {
  static const std::string pieces[] = {
      "{",    "}",     "[",     "]",   ",",    ":",   "\"",  "-1",  "0", "99999999999999999999",
      "1e9",  "null",  "true",  "\\u", "\xff", "F64", "F16", "U8",  " ", "18446744073709551615",
      "1e99", "[1,2]", "\"b\"", "105", "104",  "80",  "88",  "4.0", "5", "4611686018427387904"};
  const auto changes = random.between(1, 4);
  for (std::int64_t i = 0; i < changes && !bytes.empty(); ++i) {
    // Mostly in the header, where the decisions are.
    const std::size_t reach =
        random.chance(0.9) ? std::min<std::size_t>(bytes.size(), 330) : bytes.size();
    const std::size_t at = random.below(reach);
    const auto& piece = pieces[random.below(std::size(pieces))];
    switch (random.below(6)) {
      case 0:
        bytes[at] = static_cast<char>(random.next());
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
        break;
      case 2:
        bytes.insert(at, piece);
        break;
      case 3:
        bytes.erase(at, random.below(9));
        break;
      case 4:
        bytes.replace(at, std::min(piece.size(), bytes.size() - at), piece);
        break;
      default:
        bytes.resize(random.below(bytes.size() + 1));
        break;
    }
  }
  return bytes;
}

// Keeps the length field right, so that the JSON itself is reached.
std::string with_length(std::string bytes, std::uint64_t length) {
  for (unsigned i = 0; i < 8 && i < bytes.size(); ++i)
    bytes[i] = static_cast<char>(length >> (8 * i));
  return bytes;
}

}  // namespace

TEST_CASE("no damage to a checkpoint is more than an error") {
  const std::string seed = seed_file();
  REQUIRE(parse_bytes(seed));
  const std::size_t header = seed.size() - 8 - 105;
  Random random(20240501);
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = mutate(seed, random);
    if (bytes.size() > seed.size() - header && random.chance(0.8))
      bytes = with_length(bytes, bytes.size() - 8 - 105);
    const std::size_t size = bytes.size();
    const auto parsed = parse_bytes(std::move(bytes));
    if (!parsed) {
      REQUIRE_FALSE(parsed.error().what.empty());
      continue;
    }
    ++accepted;
    std::size_t covered = 0;
    unsigned sum = 0;
    for (const auto& [name, tensor] : parsed->tensors()) {
      covered += tensor.bytes.size();
      for (const std::byte byte : tensor.bytes) sum += static_cast<unsigned>(byte);
    }
    REQUIRE(covered <= size);
    REQUIRE(sum <= 255 * covered);
    // The next one to read the file.
    const auto bound = bind_bert_weights(*parsed, {.layers = 1,
                                                   .width = 4,
                                                   .heads = 1,
                                                   .ffn_width = 4,
                                                   .vocabulary = 5,
                                                   .positions = 4,
                                                   .token_types = 1,
                                                   .tokens_max = 4,
                                                   .layer_norm_epsilon = 1e-12F});
    REQUIRE_FALSE(bound);
  }
  // Damage to the data, to names and to metadata is nobody's to see here; the rest is refused.
  CHECK(accepted > 200);
  CHECK(accepted < 6'000);
}
