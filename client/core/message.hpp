// A message between spoke and its hub, whatever carries it: the classic framing, a datagram each,
// or a sealed connection.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/message.hpp"
#include "protocol/types.hpp"

namespace hub::client {

struct Message {
  Opcode opcode = Opcode::kSessionReset;
  Token token = 0;   // classic: whose session it is about; sealed: always 0
  MessageId id = 0;  // classic: the low 32 bits
  std::string payload;
};

/// Nobody is there to wait, and the hub did not answer for too long: what was asked is given up.
struct GaveUp {
  /// What has a number is sent at the next login, also what is asked from now on.
  bool keeps = false;
  /// What has none may have reached the hub.
  bool was_sent = true;
};

/// The classic framing. Nothing where the datagram is none of it.
std::optional<Message> read_classic(Bytes datagram);
std::vector<std::uint8_t> write_classic(const Message& message);

}  // namespace hub::client
