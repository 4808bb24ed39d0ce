#include "base/tensor.hpp"

#include <cstdint>
#include <limits>
#include <vector>

#include "tests/base/dies.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using troupe::tests::words_of_abort;

namespace {
Result<Shape> shape(std::vector<std::uint64_t> dimensions) {
  return Shape::make(dimensions);
}
}  // namespace

TEST_CASE("element types have the numbers, names and sizes that stand on the wire") {
  struct Row {
    DType type;
    int number;
    std::string_view name;
    std::size_t bytes;
  };
  for (const Row& row :
       {Row{DType::f32, 1, "f32", 4}, Row{DType::f16, 2, "f16", 2}, Row{DType::bf16, 3, "bf16", 2},
        Row{DType::i32, 4, "i32", 4}, Row{DType::i64, 5, "i64", 8}, Row{DType::u8, 6, "u8", 1}}) {
    CHECK(static_cast<int>(row.type) == row.number);
    CHECK(name(row.type) == row.name);
    CHECK(size_of(row.type) == row.bytes);
  }
}

TEST_CASE("a shape knows its rank, its dimensions and its elements") {
  const auto matrix = shape({30522, 384});
  REQUIRE(matrix);
  CHECK(matrix->rank() == 2);
  CHECK((*matrix)[0] == 30522);
  CHECK((*matrix)[1] == 384);
  CHECK(matrix->elements() == 30522ULL * 384);
  CHECK(matrix->to_string() == "[30522, 384]");
  CHECK(*matrix == *shape({30522, 384}));
  CHECK_FALSE(*matrix == *shape({384, 30522}));
  CHECK_FALSE(*shape({1}) == *shape({1, 1}));
}

TEST_CASE("a scalar has one element, an empty tensor none") {
  CHECK(shape({})->elements() == 1);
  CHECK(shape({})->to_string() == "[]");
  CHECK(Shape().elements() == 1);
  CHECK(shape({0})->elements() == 0);
  CHECK(shape({7, 0, 3})->elements() == 0);
}

TEST_CASE("shapes over the limits are refused, also where the product wraps around") {
  CHECK(shape({1, 1, 1, 1}));
  CHECK(shape({1, 1, 1, 1, 1}).error().code == ErrorCode::too_large);
  const std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();
  CHECK(shape({huge}).error().code == ErrorCode::too_large);
  CHECK(shape({1ULL << 32, 1ULL << 32}).error().code == ErrorCode::too_large);  // wraps to 0
  CHECK(shape({(1ULL << 32) + 1, 1ULL << 32}).error().code == ErrorCode::too_large);
  CHECK(shape({1ULL << 30, 1ULL << 30, 2}).error().code == ErrorCode::too_large);
  CHECK(shape({1ULL << 59}));
}

TEST_CASE("a view is made only when the bytes are exactly shape x type") {
  const std::vector<std::byte> bytes(24);
  const auto good = TensorView::make(DType::f32, *shape({2, 3}), bytes);
  REQUIRE(good);
  CHECK(good->bytes.data() == bytes.data());
  CHECK(good->dtype == DType::f32);
  CHECK(TensorView::make(DType::f16, *shape({12}), bytes));
  CHECK(TensorView::make(DType::i64, *shape({3}), bytes));
  CHECK(TensorView::make(DType::u8, *shape({4, 0}), std::span<const std::byte>{}));
  for (const auto& wrong : {TensorView::make(DType::f32, *shape({2, 2}), bytes),
                            TensorView::make(DType::f32, *shape({7}), bytes),
                            TensorView::make(DType::f32, *shape({}), bytes)}) {
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().code == ErrorCode::malformed);
  }
}

TEST_CASE("a float buffer is aligned for every vector path and starts at zero") {
  for (const std::size_t size : {1UL, 15UL, 16UL, 1000UL}) {
    FloatBuffer buffer(size);
    CHECK(buffer.size() == size);
    CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64 == 0);
    for (const float value : buffer.span()) CHECK(value == 0.0F);
    buffer.span().back() = 1.0F;  // the last one is ours
    CHECK(std::as_const(buffer).span()[size - 1] == 1.0F);
  }
  CHECK(FloatBuffer().size() == 0);
  CHECK(FloatBuffer(0).span().empty());
}

TEST_CASE("a buffer moves without copying") {
  FloatBuffer first(8);
  first.data()[3] = 5.0F;
  const float* const memory = first.data();
  const FloatBuffer second = std::move(first);
  CHECK(second.data() == memory);
  CHECK(second.data()[3] == 5.0F);
}

TEST_CASE("a size that nobody checked ends the process instead of wrapping around") {
  const auto words =
      words_of_abort([] { FloatBuffer(std::numeric_limits<std::size_t>::max() / 4 + 2); });
  CHECK(words.find("not checked") != std::string::npos);
}
