// Which request waits in which state for which replies: the table that both halves of the session
// go by. Private to client/core.
#pragma once

#include <array>
#include <string_view>

#include "client/core/session.hpp"
#include "protocol/message.hpp"

namespace hub::client {

struct Exchange {
  Opcode request;
  State waiting;
  Opcode ok;
  Opcode failed;          // the same where there is no way to fail
  std::string_view word;  // of the line printed; empty where the reply is no ack
};

inline constexpr std::array kExchanges = {
    // clang-format off
    Exchange{Opcode::kLogin, State::kLoginSent, Opcode::kLoginOk, Opcode::kLoginFailed, "login_ack"},
    Exchange{Opcode::kSubscribe, State::kSubscribeSent, Opcode::kSubscribeOk, Opcode::kSubscribeFailed, "subscribe_ack"},
    Exchange{Opcode::kUnsubscribe, State::kUnsubscribeSent, Opcode::kUnsubscribeOk, Opcode::kUnsubscribeFailed, "unsubscribe_ack"},
    Exchange{Opcode::kPost, State::kPostSent, Opcode::kPostAck, Opcode::kPostAck, "post_ack"},
    Exchange{Opcode::kRetrieve, State::kRetrieveSent, Opcode::kRetrieveAck, Opcode::kRetrieveEnd, ""},
    Exchange{Opcode::kLogout, State::kLogoutSent, Opcode::kLogoutAck, Opcode::kLogoutAck, "logout_ack"},
    // clang-format on
};

/// By request; nothing for the two spurious ones, which no reply is for.
constexpr const Exchange* exchange_of_request(Opcode request) {
  for (const Exchange& exchange : kExchanges) {
    if (exchange.request == request) return &exchange;
  }
  return nullptr;
}

constexpr const Exchange* exchange_of_reply(Opcode reply) {
  for (const Exchange& exchange : kExchanges) {
    if (exchange.ok == reply || exchange.failed == reply) return &exchange;
  }
  return nullptr;
}

}  // namespace hub::client
