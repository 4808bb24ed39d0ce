#include "kernels/memory_reader.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/limits.hpp"
#include "kernels/bf16.hpp"

namespace troupe::kernels {
namespace {

using namespace memory_format;

RowFormat format_of(const RecordHeader& header) {
  return static_cast<RowFormat>(header.row_format);
}

// Whether it makes sense. Then body_bytes() does not overflow: 2^31 documents of 2^15 bytes.
bool is_plausible(const RecordHeader& header) {
  return header.name_bytes <= 2 * limits::name_bytes_max + 1 && header.width > 0 &&
         header.width <= limits::embedding_width_max && header.documents > 0 &&
         header.documents <= AgentMemory::documents_max &&
         (format_of(header) == RowFormat::f32 || format_of(header) == RowFormat::bf16);
}

std::uint64_t body_bytes(const RecordHeader& header) {
  const std::uint64_t number =
      format_of(header) == RowFormat::f32 ? sizeof(float) : sizeof(std::uint16_t);
  return padded(header.name_bytes) + header.documents * sizeof(std::uint64_t) +
         padded(header.documents * header.width * number);
}

std::vector<float> rows_of(std::span<const std::byte> bytes, std::size_t numbers,
                           RowFormat format) {
  std::vector<float> rows(numbers);
  if (format == RowFormat::f32) {
    std::memcpy(rows.data(), bytes.data(), numbers * sizeof(float));
    return rows;
  }
  for (std::size_t i = 0; i < numbers; ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, bytes.data() + i * sizeof(bits), sizeof(bits));
    rows[i] = from_bf16(bits);
  }
  return rows;
}

}  // namespace

MemoryReader::MemoryReader(MemoryStore& store, std::string path, const DiskFile& file,
                           std::uint64_t size)
    : store_(store), path_(std::move(path)), file_(file), size_(size) {}

Result<LoadedMemories> MemoryReader::run() {
  if (auto known = check_file_header(); !known) return known.error();
  std::uint64_t at = sizeof(FileHeader);
  while (at < size_ && !ended_) {
    auto next = step(at);
    if (!next) return next.error();
    if (*next == at) {
      next = find_next(at + alignment);
      if (!next) return next.error();
      damage("bytes " + std::to_string(at) + " to " + std::to_string(*next) + " are damaged");
    }
    at = *next;
  }
  if (!ended_) damage("it ends too early, at byte " + std::to_string(size_));
  if (ended_ && at < size_) damage("something stands behind its end");
  return std::move(loaded_);
}

Status MemoryReader::check_file_header() {
  FileHeader header;
  const auto got = read(0, header);
  if (!got) return got.error();
  if (!*got || header.magic != file_magic || header.checksum != checksum_of(header))
    return Error{ErrorCode::malformed, path_ + " is no memory file, or its first bytes are damaged",
                 "set the path right, or restore the file from a copy"};
  if (header.version != version)
    return Error{ErrorCode::unsupported,
                 path_ + " has version " + std::to_string(header.version) +
                     " of the format; this program reads " + std::to_string(version),
                 "use the program that wrote it"};
  return {};
}

// Reads what stands at `at`; answers where the next thing stands, or `at` if nothing sound is
// there.
Result<std::uint64_t> MemoryReader::step(std::uint64_t at) {
  RecordHeader header;
  auto got = read(at, header);
  if (!got) return got.error();
  if (*got && header.marker == record_marker && header.checksum == checksum_of(header))
    return load_record(at, header);
  End end;
  got = read(at, end);
  if (!got) return got.error();
  if (!*got || end.marker != end_marker || end.checksum != checksum_of(end)) return at;
  ended_ = true;
  if (end.memories != memories_seen_ || end.documents != documents_seen_)
    damage("it lacks some of its " + std::to_string(end.memories) + " memories");
  return at + sizeof(End);
}

Result<std::uint64_t> MemoryReader::load_record(std::uint64_t at, const RecordHeader& header) {
  if (!is_plausible(header)) return at;
  const std::uint64_t begin = at + sizeof(header);
  const std::uint64_t bytes = body_bytes(header);
  if (bytes > size_ - begin) return at;  // before any memory is taken for it
  std::vector<std::byte> body(bytes);
  const auto got = file_.read(begin, body);
  if (!got) return got.error();
  if (*got != bytes || crc32c(body) != header.body_checksum) return at;
  ++memories_seen_;
  documents_seen_ += header.documents;
  restore(header, body);
  return begin + bytes;
}

void MemoryReader::restore(const RecordHeader& header, std::span<const std::byte> body) {
  const std::string name(reinterpret_cast<const char*>(body.data()), header.name_bytes);
  const auto agent = parse_agent_id(name);
  if (!agent) return problem(agent.error());
  body = body.subspan(padded(header.name_bytes));
  MemoryStore::Image image{*agent, header.width, {}, {}};
  image.documents.resize(header.documents);
  const std::size_t document_bytes = header.documents * sizeof(std::uint64_t);
  std::memcpy(image.documents.data(), body.data(), document_bytes);
  image.rows =
      rows_of(body.subspan(document_bytes), header.documents * header.width, format_of(header));
  if (const auto restored = store_.restore(image); !restored) return problem(restored.error());
  ++loaded_.memories;
  loaded_.documents += std::min<std::uint64_t>(header.documents, store_.options().documents_max);
}

// The next place from `at` on where a marker stands, else the file's end. Everything stands at
// multiples of 8, whatever was damaged.
Result<std::uint64_t> MemoryReader::find_next(std::uint64_t at) const {
  constexpr std::size_t window = std::size_t{64} * 1024;
  std::vector<std::byte> bytes(window);
  for (; at < size_; at += window) {
    const auto got = file_.read(at, bytes);
    if (!got) return got.error();
    for (std::size_t i = 0; i + alignment <= *got; i += alignment) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i, sizeof(word));
      if (word == record_marker || word == end_marker) return at + i;
    }
  }
  return size_;
}

// Whether the file is long enough to hold it.
template <class Header>
Result<bool> MemoryReader::read(std::uint64_t at, Header& header) const {
  const auto got = file_.read(at, std::as_writable_bytes(std::span(&header, 1)));
  if (!got) return got.error();
  return *got == sizeof(header);
}

void MemoryReader::problem(Error error) {
  constexpr std::size_t problems_max = 256;  // more say nothing more
  if (loaded_.problems.size() >= problems_max) return;
  error.what = path_ + ": " + error.what;
  loaded_.problems.push_back(std::move(error));
}

void MemoryReader::damage(const std::string& what) {
  problem({ErrorCode::malformed, what,
           "restore the file from a copy, or let the agents concerned remember again"});
}

}  // namespace troupe::kernels
