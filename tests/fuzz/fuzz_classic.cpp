// Fuzzes the datagram decoder of the classic framing: what it accepts, the text it reads out of a
// body, and that what it read can be written and read again.
#include <vector>

#include "protocol/classic.hpp"
#include "protocol/limits.hpp"
#include "protocol/text.hpp"
#include "tests/fuzz/input.hpp"

namespace hub::fuzz {
namespace {

bool is_printable(std::uint8_t byte) { return byte >= 0x20 && byte <= 0x7E; }

void check_refusal(Bytes bytes, classic::Drop why) {
  switch (why) {
    case classic::Drop::kShort:
      return must(bytes.size() < kClassicHeaderBytes, "only short datagrams are short");
    case classic::Drop::kOversized:
      return must(bytes.size() > kMaxReceiveBytes, "only long datagrams are oversized");
    case classic::Drop::kBadMagic:
      return must(!is_printable(bytes[0]) || !is_printable(bytes[1]), "the magic is not bad");
  }
}

void check_text(const classic::Datagram& datagram, std::string_view text) {
  must(text.size() <= datagram.body.size(), "the text is no longer than the body");
  must(datagram.body.substr(0, text.size()) == text, "the text begins the body");
  must(text.find('\0') == std::string_view::npos, "no NUL in a text");
  must(text.size() % 256 == datagram.header.payload_len ||
           text.size() <= datagram.header.payload_len ||
           datagram.body.size() % 256 == datagram.header.payload_len,
       "a text is as long as it was said to be");
}

void check_round_trip(const classic::Datagram& datagram, std::string_view text) {
  std::vector<std::uint8_t> out = {0xAA};
  const std::size_t size = classic::encode(datagram.header, text, out);
  must(out.size() == size + 1 && out[0] == 0xAA, "encode appends what it says");
  must(size <= kClassicHeaderBytes + kClassicMaxPayloadBytes + 1, "nothing longer is ever sent");
  const auto again = classic::decode(Bytes(out).subspan(1));
  must(again.has_value(), "what is written can be read");
  must(again->header.magic == datagram.header.magic &&
           again->header.opcode == datagram.header.opcode &&
           again->header.token == datagram.header.token &&
           again->header.msg_id == datagram.header.msg_id,
       "a header survives");
  const std::string_view read = classic::payload_text(*again);
  const bool line_end = !text.empty() && (text.back() == '\n' || text.back() == '\r');
  if (text.size() <= kClassicMaxPayloadBytes && !line_end) {
    must(read == text, "a text survives");
  } else if (text.size() > kClassicMaxPayloadBytes && is_utf8(text)) {
    must(is_utf8(read), "a text is cut between characters");
  }
}

}  // namespace
}  // namespace hub::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hub;
  const Bytes bytes(data, size);
  const auto decoded = classic::decode(bytes);
  if (!decoded) {
    fuzz::check_refusal(bytes, decoded.error());
    return 0;
  }
  fuzz::must(decoded->body.size() + kClassicHeaderBytes == size, "the body is the rest");
  const std::string_view text = classic::payload_text(*decoded);
  fuzz::check_text(*decoded, text);
  fuzz::must(classic::retrieve_count(*decoded) <= kClassicMaxRetrieve, "n is capped");
  fuzz::must(fuzz::is_harmless(printable(text)), "printable() is harmless");
  fuzz::must(is_utf8(printable(text)), "printable() is UTF-8");
  fuzz::must(!is_text(text) || printable(text) == text, "a text is printable as it is");
  fuzz::check_round_trip(*decoded, text);
  return 0;
}
