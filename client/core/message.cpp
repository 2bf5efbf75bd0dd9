#include "client/core/message.hpp"

#include "protocol/classic.hpp"

namespace hub::client {

std::optional<Message> read_classic(Bytes bytes) {
  const auto datagram = classic::decode(bytes);
  if (!datagram) return std::nullopt;
  return Message{datagram->header.opcode, datagram->header.token, datagram->header.msg_id,
                 std::string(classic::payload_text(*datagram))};
}

std::vector<std::uint8_t> write_classic(const Message& message) {
  classic::Header header;
  header.opcode = message.opcode;
  header.token = message.token;
  header.msg_id = static_cast<std::uint32_t>(message.id);
  std::vector<std::uint8_t> out;
  classic::encode(header, message.payload, out);
  return out;
}

}  // namespace hub::client
