// The classic framing: one message a datagram, a 12-byte header, plaintext.
//
//   datagram := magic1 magic2 opcode payload_len token(4) msg_id(4) body
//   body     := payload [NUL]          from us: the NUL exactly when the payload is not empty
//
//   magic1, magic2   two printable characters, 0x20..0x7E; a reply carries the asker's own
//   opcode           protocol/message.hpp
//   payload_len      bytes of payload, 0..255, the NUL not counted
//   token            opaque four bytes to a client; big-endian from us; 0 before login
//   msg_id           big-endian; the low 32 bits of a post's ID in forwards, their acks and
//                    retrieve acks, else 0
//
// Simple clients get the length wrong: they count a typed prefix or a newline, let it wrap at 256,
// or send a whole buffer with stale bytes behind the text. payload_text() says how a body is read.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "protocol/message.hpp"
#include "protocol/types.hpp"

namespace hub::classic {

using Magic = std::array<std::uint8_t, 2>;

/// What spoke writes as its own magic; any two printable characters do.
inline constexpr Magic kMagic = {'H', 'B'};

struct Header {
  Magic magic = kMagic;
  Opcode opcode = Opcode::kSessionReset;
  std::uint8_t payload_len = 0;  // as the sender claims it; encode() writes the true one
  Token token = 0;
  std::uint32_t msg_id = 0;
};

/// A received datagram. The body points into the bytes that were decoded.
struct Datagram {
  Header header;
  std::string_view body;
};

enum class Drop { kShort, kOversized, kBadMagic };

/// Judges a whole datagram; behind it nothing checks lengths again. Any opcode passes.
tl::expected<Datagram, Drop> decode(Bytes datagram);

/// The text a body carries. If the body's length mod 256 equals payload_len, all of it; else its
/// first payload_len bytes. Then cut at the first NUL, and one trailing line end is stripped.
std::string_view payload_text(const Datagram& datagram);

/// retrieve's n: the leading digits of the text; with an empty body, the payload_len byte itself.
/// 0 where there is neither; never more than kClassicMaxRetrieve.
std::uint32_t retrieve_count(const Datagram& datagram);

/// Appends one datagram to `out` and returns its length. A payload of more than 255 bytes is cut at
/// a character boundary and ends in an ellipsis.
std::size_t encode(const Header& header, std::string_view payload, std::vector<std::uint8_t>& out);

}  // namespace hub::classic
