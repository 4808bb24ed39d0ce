// A text model as small as a model can be, for measuring what is not the model: a folder as
// Hugging Face has them, with a vocabulary of letters and one layer that was never trained, as wide
// as MiniLM. The folder lies among the temporary files and goes when this does.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.hpp"

namespace troupe::bench::http {

class TinyModel {
 public:
  static constexpr std::size_t width = 384;

  // Errors: io.
  static Result<TinyModel> make();
  TinyModel(TinyModel&& other) noexcept;
  TinyModel& operator=(TinyModel&&) = delete;
  ~TinyModel();

  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }

 private:
  explicit TinyModel(std::string folder) : folder_(std::move(folder)) {}

  std::string folder_;
};

}  // namespace troupe::bench::http
