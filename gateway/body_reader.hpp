// Reads the bodies that ask for work: of POST /v2/models/M/infer, as the Open Inference Protocol
// (KServe V2) and its binary tensor extension define it
// (https://github.com/kserve/open-inference-protocol and Triton's extension_binary_data.md), and of
// POST /v1/embeddings, as OpenAI's API has it.
//
// A pure function of bytes. Everything is checked here: JSON, names, shapes against data, sizes
// that the binary part claims against the bytes that are there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/lane.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace troupe::gateway {

// What a request says of how it wants to be served.
struct Wishes {
  std::optional<Lane> lane;            // `priority`: 1 urgent, 2 and more ordinary, 0 unset
  std::optional<Duration> time_limit;  // `timeout`, in microseconds
  float weight = 1;                    // `weight`, our extension, as TaskRequest's
};

struct InferInput {
  std::string name;
  std::string datatype;              // "BYTES" or "FP32"
  std::vector<std::uint64_t> shape;  // its product is the number of elements
  std::variant<std::vector<std::string>, std::vector<float>> data;
};

struct InferOutput {
  std::string name;
  bool binary = false;
};

struct InferRequest {
  std::string id;
  Wishes wishes;
  std::vector<InferInput> inputs;
  std::vector<InferOutput> outputs;  // empty: all
  bool binary_output = false;        // for the outputs that are not named
};

// Of OpenAI's embeddings; token arrays are refused.
struct EmbeddingsRequest {
  std::string model;
  std::vector<std::string> input;  // at least one
  bool base64 = false;
  std::optional<std::uint64_t> dimensions;
  Wishes wishes;  // our extension
};

// Reads bodies; keeps its memory from one to the next. Not thread-safe: one for each loop.
class BodyReader {
 public:
  BodyReader();
  ~BodyReader();

  // `json_bytes` is the Inference-Header-Content-Length; empty where there is none. The body may be
  // given more capacity. Errors: malformed, invalid_argument, too_large, unsupported.
  Result<InferRequest> infer(std::string& body, std::string_view json_bytes);
  Result<EmbeddingsRequest> embeddings(std::string& body);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace troupe::gateway
