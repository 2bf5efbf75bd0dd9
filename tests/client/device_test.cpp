#include "client/core/device.hpp"

#include <algorithm>

#include <catch2/catch.hpp>
#include <fmt/format.h>

namespace hub::client {
namespace {

const std::string kSecretText = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

DeviceIdentity device() {
  DeviceIdentity out;
  for (std::size_t i = 0; i < out.id.size(); ++i) out.id[i] = static_cast<std::uint8_t>(0x11 * i);
  out.secret.emplace();
  out.secret->fill(1);
  return out;
}

std::string hex(Bytes bytes) {
  std::string out;
  for (const std::uint8_t byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

void put(std::vector<std::uint8_t>& file, const MarkRecord& record, std::size_t bytes = 32) {
  file.resize(std::max(file.size(), record.offset + bytes));
  std::copy_n(record.bytes.begin(), bytes,
              file.begin() + static_cast<std::ptrdiff_t>(record.offset));
}

}  // namespace

TEST_CASE("device file: written as the header says, and read again") {
  DeviceIdentity one = device();
  const std::string text = write_device(one);
  CHECK(text ==
        "spoke-device 1\nid 00112233445566778899aabbccddeeff\nsecret " + kSecretText + "\n");
  REQUIRE(read_device(text));
  CHECK(*read_device(text) == one);
  one.secret.reset();
  CHECK(write_device(one) == "spoke-device 1\nid 00112233445566778899aabbccddeeff\n");
  REQUIRE(read_device(write_device(one)));
  CHECK(*read_device(write_device(one)) == one);
}

TEST_CASE("device file: anything else is damaged, and the line is named") {
  const std::string id = "id 00112233445566778899aabbccddeeff\n";
  const auto [text, says] = GENERATE_COPY(table<std::string, std::string>({
      {"", "another release"},
      {"spoke-device 1", "another release"},
      {"spoke-device 2\n" + id, "another release"},
      {"spoke-device 1\n", "line 2"},
      {"spoke-device 1\nid 0011\n", "line 2"},
      {"spoke-device 1\nid 00112233445566778899aabbccddeeff", "line 2"},  // it has no end
      {"spoke-device 1\nxx 00112233445566778899aabbccddeeff\n", "line 2"},
      {"spoke-device 1\n" + id + "secret " + kSecretText, "line 3"},
      {"spoke-device 1\n" + id + "secret AQEB\n", "line 3"},
      {"spoke-device 1\n" + id + "\n", "line 3"},
      {"spoke-device 1\n" + id + "secret " + kSecretText + "\nmore\n", "line 3"},
  }));
  CAPTURE(text);
  const auto read = read_device(text);
  REQUIRE_FALSE(read);
  CHECK(read.error().find(says) != std::string::npos);
}

TEST_CASE(
    "mark file: records as the header says, in turn in two places, and those to last in a third") {
  MarkFile marks;
  CHECK(marks.mark() == sealed::Mark{});
  const MarkRecord one = marks.set({0x1122334455667788, 42});
  const MarkRecord two = marks.set({0x1122334455667788, 43});
  const MarkRecord three = marks.set({0x1122334455667788, 44});
  CHECK(hex(one.bytes) == "00000000000000011122334455667788000000000000002a030533ac84b4b9f9");
  CHECK(hex(two.bytes) == "00000000000000021122334455667788000000000000002b19c2df7bdda23c57");
  CHECK(one.offset == 64);
  CHECK(two.offset == 32);
  CHECK(three.offset == 64);
  std::vector<std::uint8_t> file;
  put(file, one);
  CHECK(MarkFile(file).mark().post == 42);
  put(file, two);
  CHECK(MarkFile(file).mark().post == 43);
  put(file, three);
  CHECK(MarkFile(file).mark() == sealed::Mark{0x1122334455667788, 44});
  const MarkRecord lasting = marks.set({0x1122334455667788, 45}, true);
  CHECK(lasting.offset == 0);
  put(file, lasting);
  CHECK(MarkFile(file).mark().post == 45);
}

TEST_CASE("mark file: what was written to last outlives all that was not") {
  MarkFile marks;
  std::vector<std::uint8_t> file;
  put(file, marks.set({7, 10}, true));
  const std::vector<std::uint8_t> synced = file;
  for (std::uint64_t post = 11; post <= 15; ++post) put(file, marks.set({7, post}));
  REQUIRE(MarkFile(file).mark().post == 15);
  // The power goes: of what was not synced nothing is left, or anything.
  std::fill(file.begin() + kMarkRecordBytes, file.end(), std::uint8_t{0});
  CHECK(MarkFile(file).mark() == sealed::Mark{7, 10});
  CHECK(std::equal(synced.begin(), synced.begin() + kMarkRecordBytes, file.begin()));
}

TEST_CASE(
    "mark file: whatever of a record reaches the disk, it holds that mark or the one before") {
  MarkFile marks;
  std::vector<std::uint8_t> before;
  for (std::uint64_t post = 1; post <= 5; ++post) {
    const MarkRecord record = marks.set({7, post});
    for (std::size_t bytes = 0; bytes <= kMarkRecordBytes; ++bytes) {
      CAPTURE(post, bytes);
      std::vector<std::uint8_t> torn = before;
      if (bytes > 0) put(torn, record, bytes);
      const bool is_whole = MarkFile(torn).mark() == sealed::Mark{7, post};
      const auto left = post == 1 ? sealed::Mark{} : sealed::Mark{7, post - 1};
      CHECK((is_whole || MarkFile(torn).mark() == left));
      CHECK((bytes < kMarkRecordBytes || is_whole));
    }
    put(before, record);
  }
}

TEST_CASE("mark file: a changed byte makes its record nothing") {
  MarkFile marks;
  std::vector<std::uint8_t> file;
  put(file, marks.set({7, 1}, true));
  put(file, marks.set({7, 2}));  // the second record
  put(file, marks.set({7, 3}));  // the third
  REQUIRE(file.size() == kMarkRecords * kMarkRecordBytes);
  for (std::size_t at = 0; at < file.size(); ++at) {
    CAPTURE(at);
    std::vector<std::uint8_t> damaged = file;
    damaged[at] ^= 0x80;
    CHECK(MarkFile(damaged).mark() == sealed::Mark{7, at < 2 * kMarkRecordBytes ? 3U : 2U});
  }
}

TEST_CASE("mark file: what is read goes on where it was") {
  MarkFile marks;
  std::vector<std::uint8_t> file;
  for (std::uint64_t post = 1; post <= 4; ++post) put(file, marks.set({7, post}));
  MarkFile again(file);
  put(file, again.set({8, 1}));  // lower, and of another history: the last one counts
  CHECK(MarkFile(file).mark() == sealed::Mark{8, 1});
}

}  // namespace hub::client
