#include "models/safetensors.hpp"

#include <sys/stat.h>

#include <cstring>
#include <string>

#include "tests/catch.hpp"
#include "tests/models/checkpoint.hpp"
#include "tests/models/files.hpp"

using namespace troupe::models;
using namespace troupe::models::test;
using troupe::DType;
using troupe::ErrorCode;

namespace {

// Parses a header over so many bytes of data and expects this to be wrong with it.
std::string error_of(std::string_view header, std::size_t data_bytes = 8) {
  const auto parsed = parse_bytes(safetensors_bytes(header, std::string(data_bytes, 'x')));
  INFO(header);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().code == ErrorCode::model_damaged);
  CHECK_FALSE(parsed.error().next_step.empty());
  const std::string file = "a.safetensors: ";
  REQUIRE(parsed.error().what.starts_with(file));
  return parsed.error().what.substr(file.size());
}

}  // namespace

TEST_CASE("tensors are found by name, with type, shape and bytes") {
  const auto parsed = parse_bytes(safetensors_bytes(
      R"({"__metadata__": {"format": "pt"},
          "b": {"dtype": "F32", "shape": [1, 2], "data_offsets": [4, 12]},
          "a": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]},
          "one": {"dtype": "U8", "shape": [], "data_offsets": [12, 13]},
          "none": {"dtype": "I64", "shape": [0, 9], "data_offsets": [4, 4]},
          "flags": {"dtype": "BOOL", "shape": [3], "data_offsets": [13, 16]}}   )",
      "aaaabbbbbbbbo###"));
  REQUIRE(parsed);
  CHECK(parsed->tensors().size() == 5);
  const auto* b = parsed->find("b");
  REQUIRE(b != nullptr);
  CHECK(b->dtype == DType::f32);
  CHECK(b->shape.to_string() == "[1, 2]");
  CHECK(std::memcmp(b->bytes.data(), "bbbbbbbb", 8) == 0);
  CHECK(parsed->find("a")->bytes.size() == 4);
  CHECK(parsed->find("one")->bytes.size() == 1);
  CHECK(parsed->find("none")->bytes.empty());
  CHECK(parsed->find("flags")->type == "BOOL");
  CHECK_FALSE(parsed->find("flags")->dtype);
  CHECK(parsed->find("__metadata__") == nullptr);
}

TEST_CASE("a file without tensors is a file without tensors") {
  const auto parsed = parse_bytes(safetensors_bytes("{}", ""));
  REQUIRE(parsed);
  CHECK(parsed->tensors().empty());
}

TEST_CASE("each way in which a tensor's entry can be wrong has its own words") {
  const auto entry = [](const char* body) { return R"({"w": )" + std::string(body) + "}"; };
  CHECK(error_of(entry("7")) == R"(tensor "w": its entry is not a JSON object)");
  CHECK(error_of(entry(R"({"shape": [2], "data_offsets": [0, 8]})")) ==
        R"(tensor "w": it has no dtype)");
  CHECK(error_of(entry(R"({"dtype": 3, "shape": [2], "data_offsets": [0, 8]})")) ==
        R"(tensor "w": it has no dtype)");
  CHECK(error_of(entry(R"({"dtype": "F33", "shape": [2], "data_offsets": [0, 8]})")) ==
        R"(tensor "w": the type "F33" is not known)");
  CHECK(error_of(entry(R"({"dtype": "F32", "data_offsets": [0, 8]})")) ==
        R"(tensor "w": it has no shape)");
  CHECK(error_of(entry(R"({"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]})")) ==
        R"(tensor "w": it has no shape)");
  CHECK(error_of(entry(R"({"dtype": "F32", "shape": [2.0], "data_offsets": [0, 8]})")) ==
        R"(tensor "w": it has no shape)");
  CHECK(error_of(entry(R"({"dtype": "F32", "shape": [1,1,1,1,2], "data_offsets": [0, 8]})")) ==
        R"(tensor "w": a tensor of rank 5 is over the limit of 4)");
  CHECK(error_of(entry(R"({"dtype": "F32", "shape": [2]})")) ==
        R"(tensor "w": it has no data_offsets)");
  CHECK(error_of(entry(R"({"dtype": "F32", "shape": [2], "data_offsets": [0]})")) ==
        R"(tensor "w": it has no data_offsets)");
  CHECK(error_of(entry(R"({"dtype": "F32", "shape": [2], "data_offsets": [0, -8]})")) ==
        R"(tensor "w": it has no data_offsets)");
  CHECK(error_of(entry(R"({"dtype": "F32", "shape": [2], "data_offsets": [8, 0]})")) ==
        R"(tensor "w": it ends before it begins)");
  CHECK(error_of(entry(R"({"dtype": "F32", "shape": [4], "data_offsets": [0, 16]})")) ==
        R"(tensor "w": it ends at byte 16 of 8 bytes of data)");
  CHECK(error_of(entry(R"({"dtype": "F32", "shape": [1], "data_offsets": [0, 8]})")) ==
        R"(tensor "w": it holds 8 bytes where F32 [1] needs 4)");
  CHECK(error_of(entry(R"({"dtype": "F16", "shape": [2], "data_offsets": [0, 8]})")) ==
        R"(tensor "w": it holds 8 bytes where F16 [2] needs 4)");
}

TEST_CASE("sizes that overflow are wrong, not small") {
  const auto shaped = [](const char* shape) {
    return R"({"w": {"dtype": "F64", "shape": )" + std::string(shape) +
           R"(, "data_offsets": [0, 8]}})";
  };
  const std::string too_many = R"(tensor "w": a tensor's element count does not fit)";
  CHECK(error_of(shaped("[18446744073709551615, 18446744073709551615]")) == too_many);
  CHECK(error_of(shaped("[4294967296, 4294967296, 1]")) == too_many);
  CHECK(error_of(shaped("[2305843009213693953]")) == too_many);  // times 8 it wraps round to 8
  CHECK(error_of(shaped("[99999999999999999999]")) == R"(tensor "w": it has no shape)");
  CHECK(error_of(R"({"w": {"dtype": "U8", "shape": [8],
                     "data_offsets": [18446744073709551608, 18446744073709551615]}})")
            .starts_with(R"(tensor "w": it ends at byte 18446744073709551615 of 8)"));
}

TEST_CASE("every byte of the data belongs to one tensor") {
  const auto two = [](const char* first, const char* second) {
    return R"({"a": {"dtype": "U8", )" + std::string(first) + R"(}, "b": {"dtype": "U8", )" +
           second + "}}";
  };
  const auto* head = R"("shape": [4], "data_offsets": [0, 4])";
  CHECK(error_of(two(head, R"("shape": [5], "data_offsets": [3, 8])")) ==
        R"(tensor "b": it overlaps another tensor)");
  CHECK(error_of(two(head, head), 4) == R"(tensor "b": it overlaps another tensor)");
  CHECK(error_of(two(head, R"("shape": [3], "data_offsets": [5, 8])")) ==
        R"(tensor "b": before it lie 1 bytes that belong to no tensor)");
  CHECK(error_of(two(head, R"("shape": [3], "data_offsets": [4, 7])")) ==
        "after the last tensor come 1 bytes that belong to none");
  CHECK(error_of("{}") == "after the last tensor come 8 bytes that belong to none");
}

TEST_CASE("a header that is no plain JSON object is refused") {
  CHECK(error_of("") == "not valid JSON at byte 1");
  CHECK(error_of("[]") == "its header is not a JSON object");
  CHECK(error_of("{\"a\": ") == "not valid JSON at byte 7");
  CHECK(error_of("{} x") == "not valid JSON at byte 4");
  CHECK(error_of("{\"\xff\": 1}") == "not valid JSON at byte 3");
  CHECK(error_of(R"({"__metadata__": {"format": 1}})") == "its metadata is not a map of strings");
  CHECK(error_of(R"({"__metadata__": {"a": "1", "a": "2"}})") == R"(the key "a" stands twice)");
  CHECK(error_of(R"({"w": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]},
                     "w": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]}})") ==
        R"(the key "w" stands twice)");
  CHECK(error_of(R"({"w": {"dtype": "U8", "dtype": "F32", "shape": [8]}})") ==
        R"(the key "dtype" stands twice)");
  CHECK(error_of(R"({"w": 1e999})") == "JSON that cannot be read (406)");
}

TEST_CASE("nesting without end does not become recursion without end") {
  const std::string deep = "JSON nested deeper than 32";
  CHECK(error_of(std::string(1'000'000, '[')) == deep);
  std::string objects;
  for (int i = 0; i < 200'000; ++i) objects += R"({"a":)";
  CHECK(error_of(objects) == deep);
  // Brackets in a string are no nesting.
  CHECK(error_of(R"({"a": "\")" + std::string(64, '[') + R"("})") ==
        R"(tensor "a": its entry is not a JSON object)");
}

TEST_CASE("names from a file cannot garble a log") {
  CHECK(error_of("{\"a\\n\\u001b[31m\": 1}") ==
        R"(tensor "a\n\u001b[31m": its entry is not a JSON object)");
  const auto long_name = error_of("{\"" + std::string(5000, 'n') + "\": 1}");
  CHECK(long_name.size() < 250);
}

TEST_CASE("a length field that lies is caught before anything is read") {
  const auto claimed = [](std::uint64_t length) {
    std::string bytes = safetensors_bytes("{}", "");
    std::memcpy(bytes.data(), &length, sizeof(length));
    const auto parsed = parse_bytes(bytes);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == ErrorCode::model_damaged);
    return parsed.error().what;
  };
  CHECK(claimed(3) ==
        "a.safetensors: it is cut short: a header of 3 bytes does not fit into 10 bytes");
  CHECK(claimed(0) == "a.safetensors: not valid JSON at byte 1");
  const std::string over = " bytes is over the limit of 16777216";
  CHECK(claimed(~0ULL) == "a.safetensors: a header of 18446744073709551615" + over);
  CHECK(claimed(1ULL << 40) == "a.safetensors: a header of 1099511627776" + over);
}

TEST_CASE("a checkpoint cut short at any length is refused") {
  const ScratchFolder folder;
  const auto whole = read_all(data_path("bert-plain/model.safetensors"));
  const std::string path = folder.path() + "/model.safetensors";
  for (std::size_t size = 0; size < whole.size(); size += size < 64 ? 1 : 997) {
    INFO("cut to " << size << " bytes");
    folder.write("model.safetensors", whole.substr(0, size));
    const auto opened = Safetensors::open(path);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == ErrorCode::model_damaged);
    CHECK(opened.error().what.starts_with(path + ": "));
  }
  folder.write("model.safetensors", whole.substr(0, whole.size() - 1));
  CHECK_FALSE(Safetensors::open(path));
  folder.write("model.safetensors", whole + "x");
  CHECK_FALSE(Safetensors::open(path));
  folder.write("model.safetensors", whole);
  CHECK(Safetensors::open(path));
}

TEST_CASE("what is no file is no checkpoint") {
  const ScratchFolder folder;
  const auto missing = Safetensors::open(folder.path() + "/none");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ErrorCode::model_missing);
  const auto directory = Safetensors::open(folder.path());
  REQUIRE_FALSE(directory);
  CHECK(directory.error().code == ErrorCode::io);
  const std::string pipe = folder.path() + "/pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const auto waiting = Safetensors::open(pipe);
  REQUIRE_FALSE(waiting);
  CHECK(waiting.error().what == pipe + " is not a regular file");
}
