#include "protocol/classic.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <string>

#include <catch2/catch.hpp>

#include "protocol/limits.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/paths.hpp"

using namespace hub;

namespace {

/// A datagram as a simple client would send it: any header, any body.
std::vector<std::uint8_t> raw(std::uint8_t opcode, std::uint8_t payload_len,
                              std::string_view body) {
  const std::array<std::uint8_t, kClassicHeaderBytes> header = {'S', 'D', opcode, payload_len,
                                                                0,   0,   0,      1};
  std::vector<std::uint8_t> out(header.size() + body.size());
  std::copy(header.begin(), header.end(), out.begin());
  std::copy(body.begin(), body.end(), out.begin() + header.size());
  return out;
}

std::string text_of(const std::vector<std::uint8_t>& bytes) {
  const auto datagram = classic::decode(bytes);
  REQUIRE(datagram);
  return std::string(classic::payload_text(*datagram));
}

std::uint32_t count_of(const std::vector<std::uint8_t>& bytes) {
  const auto datagram = classic::decode(bytes);
  REQUIRE(datagram);
  return classic::retrieve_count(*datagram);
}

}  // namespace

TEST_CASE("golden datagrams decode to what is written beside them") {
  for (const auto& golden : test::read_golden(test::source_file("data/classic_golden.txt"))) {
    CAPTURE(golden.name);
    const auto datagram = classic::decode(golden.bytes);
    REQUIRE(datagram);
    CHECK(static_cast<unsigned>(datagram->header.opcode) == golden.opcode);
    CHECK(datagram->header.payload_len == golden.payload_len);
    CHECK(datagram->header.token == golden.token);
    CHECK(datagram->header.msg_id == golden.msg_id);
    CHECK(classic::payload_text(*datagram) == golden.text);
  }
}

TEST_CASE("what we write is the golden datagram, byte for byte") {
  int ours = 0;
  for (const auto& golden : test::read_golden(test::source_file("data/classic_golden.txt"))) {
    if (golden.name.rfind("ours_", 0) != 0) continue;
    CAPTURE(golden.name);
    classic::Header header;
    header.opcode = static_cast<Opcode>(golden.opcode);
    header.token = golden.token;
    header.msg_id = golden.msg_id;
    std::vector<std::uint8_t> out;
    const std::size_t size = classic::encode(header, golden.text, out);
    CHECK(size == out.size());
    CHECK(out == golden.bytes);
    ++ours;
  }
  CHECK(ours >= 18);
}

TEST_CASE("a datagram of fewer than twelve bytes, or too many, is refused") {
  const auto whole = raw(0x30, 0, "");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto datagram = classic::decode(Bytes(whole).first(size));
    REQUIRE_FALSE(datagram);
    CHECK(datagram.error() == classic::Drop::kShort);
  }
  CHECK(classic::decode(whole));
  const std::vector<std::uint8_t> huge(kMaxReceiveBytes + 1, 'x');
  const auto datagram = classic::decode(huge);
  REQUIRE_FALSE(datagram);
  CHECK(datagram.error() == classic::Drop::kOversized);
}

TEST_CASE("any two printable characters are a magic, nothing else is") {
  for (int first = 0; first < 256; ++first) {
    for (const int second : {0x00, 0x1F, 0x20, 0x41, 0x7E, 0x7F, 0xFF}) {
      auto bytes = raw(0x30, 1, "x");
      bytes[0] = static_cast<std::uint8_t>(first);
      bytes[1] = static_cast<std::uint8_t>(second);
      const bool printable = first >= 0x20 && first <= 0x7E && second >= 0x20 && second <= 0x7E;
      CHECK(classic::decode(bytes).has_value() == printable);
    }
  }
}

TEST_CASE("a body whose length is payload_len modulo 256 is read whole") {
  const std::string text(300, 'a');
  CHECK(text_of(raw(0x30, 300 % 256, text)) == text);
  const std::string thousand(1000, 'b');
  CHECK(text_of(raw(0x30, 1000 % 256, thousand)) == thousand);
  const std::string wrapped_to_zero(256, 'c');
  CHECK(text_of(raw(0x30, 0, wrapped_to_zero)) == wrapped_to_zero);
}

TEST_CASE("a body of another length is cut at payload_len") {
  CHECK(text_of(raw(0x30, 5, "hellostale")) == "hello");
  CHECK(text_of(raw(0x30, 0, "stale")).empty());
  CHECK(text_of(raw(0x30, 200, "short")) == "short");
  CHECK(text_of(raw(0x30, 5, "")).empty());
}

TEST_CASE("a text ends at its NUL and loses one line end") {
  CHECK(text_of(raw(0x30, 6, std::string("hi\0sta", 6))) == "hi");
  CHECK(text_of(raw(0x30, 3, "hi\n")) == "hi");
  CHECK(text_of(raw(0x30, 4, "hi\r\n")) == "hi");
  CHECK(text_of(raw(0x30, 3, "hi\r")) == "hi");
  CHECK(text_of(raw(0x30, 4, std::string("hi\n\0", 4))) == "hi");
  CHECK(text_of(raw(0x30, 4, "hi\n\n")) == "hi\n");  // one, not all: the rest is judged as text
}

TEST_CASE("retrieve's n comes from the digits, or from the length byte of an empty body") {
  CHECK(count_of(raw(0x40, 2, "20")) == 20);
  CHECK(count_of(raw(0x40, 3, "20\n")) == 20);
  CHECK(count_of(raw(0x40, 7, "5 posts")) == 5);
  CHECK(count_of(raw(0x40, 9, "5")) == 5);  // the length is wrong
  CHECK(count_of(raw(0x40, 7, "")) == 7);
  CHECK(count_of(raw(0x40, 0, "")) == 0);
  CHECK(count_of(raw(0x40, 1, "0")) == 0);
  CHECK(count_of(raw(0x40, 2, "-1")) == 0);
  CHECK(count_of(raw(0x40, 3, "abc")) == 0);
  CHECK(count_of(raw(0x40, 11, "99999999999")) == kClassicMaxRetrieve);
  CHECK(count_of(raw(0x40, 20, "18446744073709551617")) == kClassicMaxRetrieve);
  CHECK(count_of(raw(0x40, 3, "201")) == kClassicMaxRetrieve);
  CHECK(count_of(raw(0x40, 255, "")) == kClassicMaxRetrieve);
}

TEST_CASE("a payload of more than 255 bytes is cut at a character and ends in an ellipsis") {
  classic::Header header;
  header.opcode = Opcode::kForward;
  std::string payload = "<bob>";
  while (payload.size() < 400) payload += "\xC3\xA9";  // é: every cut inside one would show
  std::vector<std::uint8_t> out;
  classic::encode(header, payload, out);
  REQUIRE(out.size() <= kClassicHeaderBytes + kClassicMaxPayloadBytes + 1);
  CHECK(out[3] == out.size() - kClassicHeaderBytes - 1);
  CHECK(out.back() == 0);
  const std::string text = text_of(out);
  CHECK(text.substr(text.size() - 3) == "\xE2\x80\xA6");
  const std::string kept = text.substr(0, text.size() - 3);
  CHECK(payload.rfind(kept, 0) == 0);
  CHECK((kept.size() - 5) % 2 == 0);
  CHECK(kept.size() >= 250);
}

TEST_CASE("a payload of exactly 255 bytes travels whole") {
  const std::string payload(255, 'x');
  std::vector<std::uint8_t> out;
  classic::encode({}, payload, out);
  CHECK(out[3] == 255);
  CHECK(out.size() == kClassicHeaderBytes + 256);
  CHECK(text_of(out) == payload);
}

TEST_CASE("encode appends behind what the buffer holds") {
  std::vector<std::uint8_t> out = {1, 2, 3};
  const std::size_t size = classic::encode({}, "x", out);
  CHECK(size == kClassicHeaderBytes + 2);
  CHECK(out.size() == 3 + size);
  CHECK(classic::decode(Bytes(out).subspan(3)));
}

TEST_CASE("random bytes never decode to a text outside the datagram") {
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::uint8_t> bytes(random() % 600);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    if (bytes.size() >= 2) bytes[0] = bytes[1] = 'x';
    const auto datagram = classic::decode(bytes);
    if (!datagram) continue;
    const auto text = classic::payload_text(*datagram);
    REQUIRE(text.size() <= datagram->body.size());
    REQUIRE(text.find('\0') == std::string_view::npos);
    REQUIRE(classic::retrieve_count(*datagram) <= kClassicMaxRetrieve);
  }
}
