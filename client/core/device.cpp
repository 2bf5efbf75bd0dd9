#include "client/core/device.hpp"

#include <algorithm>
#include <limits>

#include "protocol/crypto/hash.hpp"
#include "protocol/fault.hpp"
#include "protocol/fingerprint.hpp"
#include "protocol/wire.hpp"

namespace hub::client {

namespace {

constexpr std::string_view kFirstLine = "spoke-device 1";
constexpr std::size_t kCheckedBytes = 24;

/// The first line of `text`, which it loses; nothing where there is no whole line.
std::optional<std::string_view> take_line(std::string_view& text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

std::string_view behind(std::string_view line, std::string_view word) {
  return line.substr(0, word.size()) == word ? line.substr(word.size()) : std::string_view();
}

struct ReadRecord {
  std::uint64_t count = 0;  // 0: not valid
  sealed::Mark mark;
};

ReadRecord read_record(Bytes bytes) {
  wire::Reader reader(bytes);
  ReadRecord record;
  record.count = reader.u64();
  record.mark.history = reader.u64();
  record.mark.post = reader.u64();
  const auto check = reader.array<8>();
  const Key hash = sha256({bytes.first(kCheckedBytes)});
  const bool valid = std::equal(check.begin(), check.end(), hash.begin()) &&
                     record.count < std::numeric_limits<std::uint64_t>::max();  // one more fits
  return valid || fault("torn_mark_taken") ? record : ReadRecord{};
}

}  // namespace

std::string write_device(const DeviceIdentity& device) {
  std::string out(kFirstLine);
  out += "\nid " + to_string(device.id) + "\n";
  if (device.secret) out += "secret " + key_text(*device.secret) + "\n";
  return out;
}

tl::expected<DeviceIdentity, std::string> read_device(std::string_view text) {
  if (take_line(text) != kFirstLine) return tl::unexpected(std::string("it is of another release"));
  DeviceIdentity device;
  const auto id_line = take_line(text);
  const auto id = id_line ? parse_device_id(behind(*id_line, "id ")) : std::nullopt;
  if (!id) return tl::unexpected(std::string("line 2 is not the device's id"));
  device.id = *id;
  if (text.empty()) return device;
  const auto secret_line = take_line(text);
  device.secret = secret_line ? parse_key_text(behind(*secret_line, "secret ")) : std::nullopt;
  if (!device.secret || !text.empty()) {
    return tl::unexpected(std::string("line 3 is not the device's secret, or not the last one"));
  }
  return device;
}

MarkFile::MarkFile(Bytes bytes) {
  for (std::size_t at = 0;
       at + kMarkRecordBytes <= bytes.size() && at < kMarkRecords * kMarkRecordBytes;
       at += kMarkRecordBytes) {
    const ReadRecord record = read_record(bytes.subspan(at, kMarkRecordBytes));
    if (record.count <= count_) continue;
    count_ = record.count;
    mark_ = record.mark;
  }
}

MarkRecord MarkFile::set(const sealed::Mark& mark, bool to_last) {
  mark_ = mark;
  ++count_;
  std::vector<std::uint8_t> bytes;
  wire::Writer writer(bytes);
  writer.u64(count_);
  writer.u64(mark.history);
  writer.u64(mark.post);
  const Key hash = sha256({Bytes(bytes)});
  writer.bytes(Bytes(hash).first(8));
  MarkRecord record;
  const std::size_t turn = fault("mark_written_in_one_place") ? 0 : count_ % 2;
  const bool is_first = to_last || fault("mark_written_over_the_lasting_one");
  record.offset = is_first ? 0 : (1 + turn) * kMarkRecordBytes;
  std::copy(bytes.begin(), bytes.end(), record.bytes.begin());
  return record;
}

}  // namespace hub::client
