#include "kernels/memory_file.hpp"

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <span>

#include "kernels/disk_file.hpp"
#include "kernels/memory_format.hpp"
#include "kernels/memory_reader.hpp"

namespace troupe::kernels {
namespace {

using namespace memory_format;

template <class Header>
std::span<const std::byte> sealed(Header& header) {
  header.checksum = checksum_of(header);
  return std::as_bytes(std::span(&header, 1));
}

void append_padded(std::vector<std::byte>& to, std::span<const std::byte> bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
  to.resize(padded(to.size()));
}

// The record of a memory as it is now; empty when it holds nothing.
std::vector<std::byte> record_of(const AgentMemory& memory, std::uint64_t& documents) {
  const std::shared_lock lock(memory.mutex);
  const auto order = memory.in_order();
  documents = order.size();
  std::vector<std::byte> record;
  if (order.empty()) return record;
  const bool wide = memory.format() != RowFormat::bf16;  // halves are put together again
  const std::size_t row_bytes = memory.width() * (wide ? sizeof(float) : sizeof(std::uint16_t));
  RecordHeader header;
  record.reserve(sizeof(header) + padded(memory.name().size()) + order.size() * sizeof(documents) +
                 padded(order.size() * row_bytes));
  record.resize(sizeof(header));
  append_padded(record, std::as_bytes(std::span(memory.name())));
  for (const auto slot : order) {
    const std::uint64_t document = memory.document(slot);
    append_padded(record, std::as_bytes(std::span(&document, 1)));
  }
  std::vector<float> row(memory.width());
  for (const auto slot : order) {
    memory.read_row(slot, row);
    const auto* bytes =
        wide ? reinterpret_cast<const std::byte*>(row.data())
             : reinterpret_cast<const std::byte*>(memory.bf16_rows()) + slot * row_bytes;
    record.insert(record.end(), bytes, bytes + row_bytes);
  }
  record.resize(padded(record.size()));
  header.name_bytes = static_cast<std::uint32_t>(memory.name().size());
  header.width = static_cast<std::uint32_t>(memory.width());
  header.row_format = static_cast<std::uint32_t>(wide ? RowFormat::f32 : RowFormat::bf16);
  header.body_checksum = crc32c(std::span(record).subspan(sizeof(header)));
  header.documents = order.size();
  const auto bytes = sealed(header);
  std::copy(bytes.begin(), bytes.end(), record.begin());
  return record;
}

Status write_all(const MemoryStore& store, DiskFile& file) {
  FileHeader header;
  if (auto done = file.write(sealed(header)); !done) return done;
  End end;
  for (const auto& memory : store.all()) {
    std::uint64_t documents = 0;
    const auto record = record_of(*memory, documents);
    if (documents == 0) continue;
    if (auto done = file.write(record); !done) return done;
    ++end.memories;
    end.documents += documents;
  }
  return file.write(sealed(end));
}

}  // namespace

Status save_memories(const MemoryStore& store, const std::string& path) {
  return replace_file(path, [&](DiskFile& file) { return write_all(store, file); });
}

Result<LoadedMemories> load_memories(MemoryStore& store, const std::string& path) {
  const auto file = DiskFile::open_to_read(path);
  if (!file) return file.error();
  const auto size = file->size();
  if (!size) return size.error();
  return MemoryReader(store, path, *file, *size).run();
}

}  // namespace troupe::kernels
