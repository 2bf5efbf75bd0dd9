#include "protocol/classic.hpp"

#include <algorithm>
#include <cstring>

#include "protocol/fault.hpp"
#include "protocol/limits.hpp"
#include "protocol/text.hpp"

namespace hub::classic {

namespace {

bool is_printable(std::uint8_t byte) { return byte >= 0x20 && byte <= 0x7E; }

std::uint32_t read_u32(const std::uint8_t* at) {
  return static_cast<std::uint32_t>(at[0]) << 24 | static_cast<std::uint32_t>(at[1]) << 16 |
         static_cast<std::uint32_t>(at[2]) << 8 | static_cast<std::uint32_t>(at[3]);
}

void write_u32(std::uint32_t value, std::uint8_t* at) {
  at[0] = static_cast<std::uint8_t>(value >> 24);
  at[1] = static_cast<std::uint8_t>(value >> 16);
  at[2] = static_cast<std::uint8_t>(value >> 8);
  at[3] = static_cast<std::uint8_t>(value);
}

}  // namespace

tl::expected<Datagram, Drop> decode(Bytes datagram) {
  if (datagram.size() < kClassicHeaderBytes) return tl::unexpected(Drop::kShort);
  if (datagram.size() > kMaxReceiveBytes) return tl::unexpected(Drop::kOversized);
  const std::uint8_t* at = datagram.data();
  if (!is_printable(at[0]) || !is_printable(at[1])) return tl::unexpected(Drop::kBadMagic);
  Datagram out;
  out.header.magic = {at[0], at[1]};
  out.header.opcode = static_cast<Opcode>(at[2]);
  out.header.payload_len = at[3];
  out.header.token = read_u32(at + 4);
  out.header.msg_id = read_u32(at + 8);
  const Bytes body = datagram.subspan(kClassicHeaderBytes);
  out.body = {reinterpret_cast<const char*>(body.data()), body.size()};
  return out;
}

std::string_view payload_text(const Datagram& datagram) {
  std::string_view text = datagram.body;
  const std::size_t claimed = datagram.header.payload_len;
  if (text.size() % 256 != claimed || fault("length_never_wraps")) text = text.substr(0, claimed);
  text = text.substr(0, text.find('\0'));
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return text;
}

std::uint32_t retrieve_count(const Datagram& datagram) {
  const std::uint32_t n = datagram.body.empty() ? datagram.header.payload_len
                                                : parse_count(payload_text(datagram)).value_or(0);
  return std::min(n, kClassicMaxRetrieve);
}

std::size_t encode(const Header& header, std::string_view payload, std::vector<std::uint8_t>& out) {
  static constexpr std::string_view kEllipsis = "\xE2\x80\xA6";
  std::string_view ending;
  if (payload.size() > kClassicMaxPayloadBytes) {
    payload = cut_text(payload, kClassicMaxPayloadBytes - kEllipsis.size());
    ending = kEllipsis;
  }
  const std::size_t payload_size = payload.size() + ending.size();
  const std::size_t size = kClassicHeaderBytes + payload_size + (payload_size > 0 ? 1 : 0);
  const std::size_t start = out.size();
  out.resize(start + size);  // zeroes the closing NUL
  std::uint8_t* at = out.data() + start;
  at[0] = header.magic[0];
  at[1] = header.magic[1];
  at[2] = static_cast<std::uint8_t>(header.opcode);
  at[3] = static_cast<std::uint8_t>(payload_size);
  write_u32(header.token, at + 4);
  write_u32(header.msg_id, at + 8);
  at += kClassicHeaderBytes;
  if (!payload.empty()) std::memcpy(at, payload.data(), payload.size());
  if (!ending.empty()) std::memcpy(at + payload.size(), ending.data(), ending.size());
  return size;
}

}  // namespace hub::classic
