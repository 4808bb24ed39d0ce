#include "transport/header.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/tensor.hpp"
#include "transport/bytes.hpp"
#include "transport/message.hpp"

namespace troupe::transport {
namespace {

constexpr std::string_view magic = "TRPE";
constexpr std::uint8_t no_lane = 255;
constexpr std::uint8_t no_dtype = 0;
constexpr std::uint16_t flag_time_to_live = 1;
constexpr std::uint16_t flag_tensor_framed = 2;
constexpr std::uint16_t flags_known = flag_time_to_live | flag_tensor_framed;
constexpr std::size_t reserved_bytes = 3;

Error malformed(std::string what) {
  return {ErrorCode::malformed, std::move(what), ""};
}

}  // namespace

void store(const Header& header, std::string& frame) {
  TROUPE_ASSERT(frame.size() >= header_bytes, "a frame has room for its header");
  const bool tensor = header.tensor_floats != 0;
  std::uint16_t flags = 0;
  if (header.time_to_live_us) flags |= flag_time_to_live;
  if (header.tensor_framed) flags |= flag_tensor_framed;

  std::string bytes(magic);
  bytes.reserve(header_bytes);
  Writer out(bytes);
  out.number(protocol_version);
  out.number(static_cast<std::uint8_t>(header.kind));
  out.number(flags);
  out.number(static_cast<std::uint16_t>(header_bytes));
  out.number(header.lane ? static_cast<std::uint8_t>(*header.lane) : no_lane);
  out.number(tensor ? static_cast<std::uint8_t>(DType::f32) : no_dtype);
  out.number(static_cast<std::uint8_t>(tensor ? 1 : 0));
  bytes.append(reserved_bytes, '\0');
  out.number(header.body_bytes);
  out.number(header.extension_bytes);
  out.number(header.task.high);
  out.number(header.task.low);
  out.number(header.time_to_live_us.value_or(0));
  const bool traced = !header.trace.is_none();
  out.big_endian(traced ? header.trace.high : 0);
  out.big_endian(traced ? header.trace.low : 0);
  out.big_endian(traced ? header.trace.span : 0);
  out.number(header.tensor_floats);
  bytes.resize(header_bytes, '\0');  // the dimensions that a vector has not
  std::copy(bytes.begin(), bytes.end(), frame.begin());
}

Result<Header> load_header(std::string_view frame) {
  Reader in(frame);
  if (in.bytes(magic.size()) != magic) return malformed("a frame does not begin with TRPE");
  const auto version = in.number<std::uint8_t>();
  if (!in.failed() && version != protocol_version)
    return Error{ErrorCode::unsupported,
                 "the peer speaks protocol version " + std::to_string(version) + ", this is " +
                     std::to_string(protocol_version),
                 "run the same release of troupe on all nodes"};

  Header header;
  const auto kind = in.number<std::uint8_t>();
  const auto flags = in.number<std::uint16_t>();
  header.bytes = in.number<std::uint16_t>();
  const auto lane = in.number<std::uint8_t>();
  const auto dtype = in.number<std::uint8_t>();
  const auto rank = in.number<std::uint8_t>();
  const auto reserved = in.bytes(reserved_bytes);
  header.body_bytes = in.number<std::uint32_t>();
  header.extension_bytes = in.number<std::uint32_t>();
  header.task.high = in.number<std::uint64_t>();
  header.task.low = in.number<std::uint64_t>();
  const auto time_to_live_us = in.number<std::uint64_t>();
  header.trace = {in.big_endian(), in.big_endian(), in.big_endian(), false};
  if (header.trace.is_none()) header.trace = {};
  std::array<std::uint32_t, limits::tensor_rank_max> shape{};
  for (auto& dimension : shape) dimension = in.number<std::uint32_t>();

  if (in.failed()) return malformed("a frame is shorter than its header");
  if (header.bytes < header_bytes || header.bytes > frame.size())
    return malformed("a header's length does not fit its frame");
  if (kind < static_cast<std::uint8_t>(Kind::hello) ||
      kind > static_cast<std::uint8_t>(Kind::result_ack))
    return malformed("no message has kind " + std::to_string(kind));
  if ((flags & ~flags_known) != 0) return malformed("a header has unknown flags");
  if (reserved.find_first_not_of('\0') != std::string_view::npos)
    return malformed("a header's reserved bytes are not zero");
  header.kind = static_cast<Kind>(kind);

  if (lane != no_lane) {
    if (lane >= lane_count) return malformed("no lane has number " + std::to_string(lane));
    header.lane = static_cast<Lane>(lane);
  }
  if ((flags & flag_time_to_live) != 0) {
    if (time_to_live_us > time_to_live_us_max) return malformed("a time to live is over a year");
    header.time_to_live_us = time_to_live_us;
  } else if (time_to_live_us != 0) {
    return malformed("a time to live stands where none is announced");
  }

  header.tensor_framed = (flags & flag_tensor_framed) != 0;
  const bool tensor = dtype != no_dtype;
  if (tensor && (dtype != static_cast<std::uint8_t>(DType::f32) || rank != 1 || shape[0] == 0))
    return malformed("a tensor is not a vector of f32");
  if (!tensor && (rank != 0 || shape[0] != 0 || header.tensor_framed))
    return malformed("a header describes a tensor that it does not have");
  if (std::any_of(shape.begin() + 1, shape.end(), [](auto dimension) { return dimension != 0; }))
    return malformed("a tensor has more dimensions than its rank");
  header.tensor_floats = shape[0];
  return header;
}

}  // namespace troupe::transport
