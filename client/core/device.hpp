// What makes this installation a device of an account, and how it is kept in files. Pure: bytes in,
// bytes out; client/net/device_files.* reads and writes them.
//
//   <slot>.device   text, written whole: who the device is
//     spoke-device 1
//     id 00112233445566778899aabbccddeeff
//     secret KEY                     (protocol/fingerprint.hpp; no such line after a logout)
//
//   <slot>.mark     three records of 32 bytes, written in place: count(8) history(8) post(8)
//                   check(8), check being the first 8 bytes of SHA-256 of what stands before. The
//                   valid one with the highest count counts. The first is written where the history
//                   is a new one, and synced; the other two in turn and not synced, so that one
//                   that is torn leaves the other, and a loss of power the first.
//
// The third file, the outbox, is outbox.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "protocol/device.hpp"
#include "protocol/sealed/message.hpp"
#include "protocol/types.hpp"

namespace hub::client {

struct DeviceIdentity {
  DeviceId id{};
  std::optional<Key> secret;  // nothing: the next login has to prove the password
  bool operator==(const DeviceIdentity&) const = default;
};

std::string write_device(const DeviceIdentity& device);
/// The error says what is wrong with the text.
tl::expected<DeviceIdentity, std::string> read_device(std::string_view text);

inline constexpr std::size_t kMarkRecordBytes = 32;
inline constexpr std::size_t kMarkRecords = 3;

/// One record of the mark's file, and where in the file it goes.
struct MarkRecord {
  std::size_t offset = 0;
  std::array<std::uint8_t, kMarkRecordBytes> bytes{};
};

/// The mark as its file has it; gives the record that the next one is.
class MarkFile {
 public:
  /// Of the file's bytes, whatever they are; without a valid record there is no mark.
  explicit MarkFile(Bytes bytes = {});

  const sealed::Mark& mark() const { return mark_; }
  /// `to_last`: its record is to be synced.
  MarkRecord set(const sealed::Mark& mark, bool to_last = false);

 private:
  std::uint64_t count_ = 0;
  sealed::Mark mark_;
};

}  // namespace hub::client
