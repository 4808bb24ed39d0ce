// oneDNN: a matmul primitive for each number of rows, made once and kept, its weights reordered
// once into the layout that it asks for, the bias fused.
#include <omp.h>

#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <utility>
#include <vector>

#include "bench/compute/peers/product.hpp"

namespace troupe::bench::compute::peers {
namespace {

using dnnl::memory;

constexpr auto f32 = memory::data_type::f32;
constexpr auto row_major = memory::format_tag::ab;

// This CPU, and one stream on it.
struct Engine {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
};

class OneDnnProduct final : public Product {
 public:
  OneDnnProduct(std::size_t in, std::span<const kernels::LinearWeights> parts)
      : in_(static_cast<memory::dim>(in)) {
    for (const auto& part : parts) {
      weight_.insert(weight_.end(), part.weight.begin(), part.weight.end());
      bias_.insert(bias_.end(), part.bias.begin(), part.bias.end());
    }
    out_ = static_cast<memory::dim>(bias_.size());
  }

  void apply(const float* x, std::size_t x_stride, std::size_t rows, float* y,
             std::size_t y_stride) override {
    const std::pair key{rows, std::pair{x_stride, y_stride}};
    auto found = plans_.find(key);
    if (found == plans_.end()) found = plans_.emplace(key, plan(rows, x_stride, y_stride)).first;
    Plan& plan = found->second;
    plan.x.set_data_handle(const_cast<float*>(x));
    plan.y.set_data_handle(y);
    plan.product.execute(engine_.stream, {{DNNL_ARG_SRC, plan.x},
                                          {DNNL_ARG_WEIGHTS, plan.weight},
                                          {DNNL_ARG_BIAS, plan.bias},
                                          {DNNL_ARG_DST, plan.y}});
    engine_.stream.wait();
  }

 private:
  struct Plan {
    dnnl::matmul product;
    memory weight, bias, x, y;
  };

  [[nodiscard]] memory::desc strided(std::size_t rows, memory::dim columns,
                                     std::size_t stride) const {
    return {{static_cast<memory::dim>(rows), columns},
            f32,
            memory::dims{static_cast<memory::dim>(stride), 1}};
  }

  Plan plan(std::size_t rows, std::size_t x_stride, std::size_t y_stride) {
    const auto x = strided(rows, in_, x_stride);
    const auto y = strided(rows, out_, y_stride);
    const memory::desc any({in_, out_}, f32, memory::format_tag::any);
    const memory::desc bias({1, out_}, f32, row_major);
#if DNNL_VERSION_MAJOR >= 3
    const dnnl::matmul::primitive_desc chosen(engine_.engine, x, any, bias, y);
#else
    const dnnl::matmul::primitive_desc chosen({x, any, bias, y}, engine_.engine);
#endif
    Plan made{dnnl::matmul(chosen), memory(chosen.weights_desc(), engine_.engine),
              memory(bias, engine_.engine, bias_.data()), memory(x, engine_.engine, nullptr),
              memory(y, engine_.engine, nullptr)};
    // The checkpoint's [out, in] is [in, out] read by columns.
    memory given({{in_, out_}, f32, memory::format_tag::ba}, engine_.engine, weight_.data());
    dnnl::reorder(given, made.weight).execute(engine_.stream, given, made.weight);
    engine_.stream.wait();
    return made;
  }

  Engine engine_;
  memory::dim in_;
  memory::dim out_ = 0;
  std::vector<float> weight_;
  std::vector<float> bias_;
  std::map<std::pair<std::size_t, std::pair<std::size_t, std::size_t>>, Plan> plans_;
};

const char* describe() {
  static const std::string text = [] {
    const auto* version = dnnl_version();
    return "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
           std::to_string(version->patch);
  }();
  return text.c_str();
}

}  // namespace

const Library onednn = {
    "onednn", "oneDNN",
    [](std::size_t in, std::span<const kernels::LinearWeights> parts) -> std::unique_ptr<Product> {
      omp_set_num_threads(1);  // Debian's build would take all cores, through OpenMP
      return std::make_unique<OneDnnProduct>(in, parts);
    },
    describe};

}  // namespace troupe::bench::compute::peers
