// How a fuzzer's single string of bytes stands for the frames of a message: each frame has its
// length in front, 32 bits little-endian; a length that is too long takes what is left.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace troupe::transport::testing {

std::vector<std::string> split_frames(std::string_view input);
std::string join_frames(const std::vector<std::string>& frames);

}  // namespace troupe::transport::testing
