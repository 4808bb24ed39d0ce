#include "apps/doctor/product.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "kernels/bf16.hpp"
#include "kernels/cpu/linear.hpp"
#include "kernels/cuda/half.hpp"

namespace troupe::apps::doctor {
namespace {

struct Size {
  std::size_t rows, in, out;

  [[nodiscard]] std::string text() const {
    return std::to_string(rows) + " x " + std::to_string(in) + " x " + std::to_string(out);
  }
};
constexpr Size cpu_size = {65, 130, 97};
constexpr Size gpu_size = {64, 192, 128};  // its layers are multiples of 64

std::vector<float> drawn(std::size_t count, Random& random) {
  std::vector<float> numbers(count);
  for (float& number : numbers) number = static_cast<float>(random.unit() * 2 - 1);
  return numbers;
}

// y = x * weight^T + bias.
struct Product {
  explicit Product(Size of) : size(of) {
    Random random(1);
    x = drawn(size.rows * size.in, random);
    weight = drawn(size.out * size.in, random);
    bias = drawn(size.out, random);
  }

  template <class Round>
  void round(Round to_format) {
    for (float& number : x) number = to_format(number);
    for (float& number : weight) number = to_format(number);
  }

  // Of y [rows, out], its rows `stride` numbers apart.
  [[nodiscard]] double error_of(const float* y, std::size_t stride) const {
    double worst = 0;
    for (std::size_t row = 0; row < size.rows; ++row) {
      for (std::size_t column = 0; column < size.out; ++column) {
        auto exact = static_cast<double>(bias[column]);
        double sizes = std::abs(exact);
        for (std::size_t k = 0; k < size.in; ++k) {
          const double part = static_cast<double>(x[row * size.in + k]) *
                              static_cast<double>(weight[column * size.in + k]);
          exact += part;
          sizes += std::abs(part);
        }
        const auto got = static_cast<double>(y[row * stride + column]);
        if (!std::isfinite(got)) return std::numeric_limits<double>::infinity();
        worst = std::max(worst, std::abs(got - exact) / sizes);
      }
    }
    return worst;
  }

  Size size;
  std::vector<float> x, weight, bias;
};

// What one check has of a GPU, given back whatever happens.
class Loan {
 public:
  explicit Loan(cuda::Gpu& gpu) : gpu_(gpu) {}
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;
  ~Loan() {
    if (stream != nullptr) gpu_.free_stream(stream);
    for (void* memory : taken_) gpu_.release(memory);
  }

  // What a call returned; the first failure is kept.
  bool good(int status, const char* call) {
    if (status != 0 && why.empty())
      why = std::string(call) + " says \"" + gpu_.error_text(status) + "\" (CUDA error " +
            std::to_string(status) + ")";
    return status == 0;
  }

  // Device memory with these bytes in it; null when it failed.
  void* hold(const void* bytes, std::size_t count) {
    void* memory = nullptr;
    if (!good(gpu_.allocate(count, &memory), "taking memory")) return nullptr;
    taken_.push_back(memory);
    if (bytes != nullptr && !good(gpu_.copy_in(memory, bytes, count, stream), "copying in"))
      return nullptr;
    return memory;
  }
  void* hold(std::span<const float> numbers, cuda::Number format) {
    if (format == cuda::Number::f32) return hold(numbers.data(), numbers.size_bytes());
    auto& halves = halves_.emplace_back();  // a copy is under way until the stream is waited for
    for (const float number : numbers) halves.push_back(cuda::to_half(number));
    return hold(halves.data(), halves.size() * sizeof(cuda::Half));
  }

  cuda::Stream stream = nullptr;
  std::string why;

 private:
  cuda::Gpu& gpu_;
  std::vector<void*> taken_;
  std::vector<std::vector<cuda::Half>> halves_;
};

bool multiply(cuda::Gpu& gpu, Loan& loan, const Product& product, cuda::Number number,
              std::vector<float>& y) {
  const Size size = product.size;
  const auto rows = static_cast<std::uint32_t>(size.rows);
  if (!loan.good(gpu.make_stream(false, &loan.stream), "making a stream")) return false;
  cuda::Gemm gemm{};
  gemm.number = number;
  gemm.result = cuda::Number::f32;
  gemm.activation = cuda::Activation::none;
  gemm.in = static_cast<std::uint32_t>(size.in);
  gemm.out = static_cast<std::uint32_t>(size.out);
  gemm.rows_max = rows;
  gemm.rows = static_cast<const std::uint32_t*>(loan.hold(&rows, sizeof(rows)));
  gemm.x = loan.hold(product.x, number);
  gemm.weight = loan.hold(product.weight, number);
  gemm.bias = static_cast<const float*>(loan.hold(product.bias, cuda::Number::f32));
  const std::size_t bytes = y.size() * sizeof(float);
  gemm.y = loan.hold(nullptr, bytes);
  return loan.why.empty() &&
         // What was there before must not pass for the result.
         loan.good(gpu.clear(gemm.y, bytes, loan.stream), "clearing memory") &&
         loan.good(gpu.gemm(gemm, loan.stream), "the product's kernel") &&
         loan.good(gpu.copy_out(y.data(), gemm.y, bytes, loan.stream), "copying out") &&
         loan.good(gpu.wait(loan.stream), "waiting for the product");
}

}  // namespace

std::string cpu_product_size() {
  return cpu_size.text();
}

std::string gpu_product_size() {
  return gpu_size.text();
}

double cpu_product_error(const kernels::cpu::Tiles& tiles, kernels::Precision precision) {
  namespace cpu = kernels::cpu;
  Product product(cpu_size);
  if (precision == kernels::Precision::bf16)
    product.round([](float number) { return kernels::from_bf16(kernels::to_bf16(number)); });
  const kernels::LinearWeights weights{product.weight, product.bias};
  const cpu::Linear linear(tiles, cpu_size.in, {&weights, 1}, precision);
  const std::size_t stride = cpu::row_stride(cpu_size.out);
  FloatBuffer y(cpu_size.rows * stride);
  std::vector<std::uint16_t> rounded(cpu::Linear::rounded_size(cpu_size.in, precision));
  linear.apply(tiles, product.x.data(), cpu_size.in, cpu_size.rows, {}, y.data(), stride,
               rounded.data(), [] {});
  return product.error_of(y.data(), stride);
}

Result<double> gpu_product_error(cuda::Gpu& gpu, cuda::Number number) {
  Product product(gpu_size);
  if (number == cuda::Number::f16)
    product.round([](float value) { return cuda::to_float(cuda::to_half(value)); });
  std::vector<float> y(gpu_size.rows * gpu_size.out);
  Loan loan(gpu);
  if (!multiply(gpu, loan, product, number, y))
    return Error{
        ErrorCode::unreachable, loan.why,
        "look at what the driver says (nvidia-smi, dmesg), and restart what holds the GPU"};
  return product.error_of(y.data(), gpu_size.out);
}

}  // namespace troupe::apps::doctor
