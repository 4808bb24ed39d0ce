// Numbers and texts into bytes and back: little-endian, unaligned, bounds-checked. The codec
// (wire.hpp) is written in these and touches no raw memory itself.
//
// A Reader never reads past its end. The first read that does not fit makes it fail; it stays
// failed and every read from then on gives zeros and empty views, so a decoder reads a whole layout
// and asks once. Views that it gives point into the bytes it was made from.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace troupe::transport {

class Writer {
 public:
  // Appends to `out`, which outlives the writer.
  explicit Writer(std::string& out) noexcept : out_(out) {}

  template <std::unsigned_integral T>
  void number(T value) {
    char raw[sizeof(T)];
    for (std::size_t i = 0; i < sizeof(T); ++i)
      raw[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
    out_.append(raw, sizeof(T));
  }
  // Of an id whose bytes stand in the order of its digits.
  void big_endian(std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) out_ += static_cast<char>(value >> shift);
  }
  void number(float value) { number(std::bit_cast<std::uint32_t>(value)); }

  // A length of 16 or 32 bits, then the bytes. The caller has checked that the length fits.
  void text16(std::string_view text) {
    number(static_cast<std::uint16_t>(text.size()));
    out_.append(text);
  }
  void text32(std::string_view text) {
    number(static_cast<std::uint32_t>(text.size()));
    out_.append(text);
  }

 private:
  std::string& out_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) noexcept : left_(bytes) {}

  template <std::unsigned_integral T>
  T number() noexcept {
    const std::string_view raw = bytes(sizeof(T));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < raw.size(); ++i)
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(raw[i])) << (8 * i);
    return static_cast<T>(value);
  }
  std::uint64_t big_endian() noexcept {
    std::uint64_t value = 0;
    for (const char byte : bytes(sizeof(value)))
      value = value << 8U | static_cast<unsigned char>(byte);
    return value;
  }
  float real() noexcept { return std::bit_cast<float>(number<std::uint32_t>()); }

  std::string_view text16() noexcept { return bytes(number<std::uint16_t>()); }
  std::string_view text32() noexcept { return bytes(number<std::uint32_t>()); }

  std::string_view bytes(std::size_t count) noexcept {
    if (count > left_.size()) {
      failed_ = true;
      left_ = {};
      return {};
    }
    const std::string_view taken = left_.substr(0, count);
    left_.remove_prefix(count);
    return taken;
  }

  [[nodiscard]] std::size_t left() const noexcept { return left_.size(); }
  [[nodiscard]] bool failed() const noexcept { return failed_; }
  // Everything fitted and nothing is left over.
  [[nodiscard]] bool finished() const noexcept { return !failed_ && left_.empty(); }

 private:
  std::string_view left_;
  bool failed_ = false;
};

}  // namespace troupe::transport
