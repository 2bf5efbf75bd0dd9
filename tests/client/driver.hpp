// A session under test, in virtual time: what it sends and prints collects until it is taken.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/core/session.hpp"
#include "protocol/classic.hpp"

namespace hub::client {

using Lines = std::vector<std::string>;

struct Sent {
  Opcode opcode = Opcode::kSessionReset;
  Token token = 0;
  std::uint32_t msg_id = 0;
  std::string payload;
  bool operator==(const Sent&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const Sent& sent) {
  return out << std::hex << "0x" << static_cast<unsigned>(sent.opcode) << " token 0x" << sent.token
             << " id 0x" << sent.msg_id << " '" << sent.payload << "'" << std::dec;
}

class Driver {
 public:
  static constexpr Token kToken = 0xA1B2C3D4;

  explicit Driver(const SessionConfig& config = {}) : session(config) {}

  void type(std::string_view line) {
    session.on_line(line, now);
    collect();
  }
  void receive(Opcode opcode, Token token, std::string_view payload = {}, std::uint32_t id = 0) {
    classic::Header header;
    header.opcode = opcode;
    header.token = token;
    header.msg_id = id;
    std::vector<std::uint8_t> bytes;
    classic::encode(header, payload, bytes);
    receive_raw(bytes);
  }
  void receive_raw(Bytes bytes) {
    const auto message = read_classic(bytes);
    if (message) session.on_message(*message, now);
    collect();
  }
  /// Lets time pass, waking the session when it asks for it.
  void wait(Duration duration) {
    const TimePoint end = now + duration;
    while (session.next_timeout() && *session.next_timeout() <= end) {
      now = *session.next_timeout();
      session.on_timeout(now);
      collect();
    }
    now = end;
  }
  void log_in(Token token = kToken) {
    type("login#ann&secret");
    receive(Opcode::kLoginOk, token);
    take_sent();
    take_lines();
  }

  std::vector<Sent> take_sent() { return std::exchange(sent_, {}); }
  Lines take_lines() { return std::exchange(lines_, {}); }
  std::optional<std::string> take_asked() { return std::exchange(asked_, std::nullopt); }
  std::optional<int> exit_code() const { return exit_code_; }
  State state() const { return session.state(); }

  void collect() {
    for (const Output& output : session.outputs()) {
      if (const auto* send = std::get_if<Send>(&output)) {
        const std::vector<std::uint8_t> datagram = write_classic(send->message);
        const auto decoded = classic::decode(datagram);
        const classic::Header& h = decoded.value().header;
        sent_.push_back(
            {h.opcode, h.token, h.msg_id, std::string(classic::payload_text(*decoded))});
      } else if (const auto* printed = std::get_if<Print>(&output)) {
        std::string line = render(printed->record, Style{});
        if (!line.empty()) lines_.push_back(line.substr(0, line.size() - 1));
      } else if (const auto* asked = std::get_if<AskPassword>(&output)) {
        asked_ = asked->id;
      } else if (const auto* exit = std::get_if<Exit>(&output)) {
        exit_code_ = exit->code;
      }
    }
    session.outputs().clear();
  }

  Session session;
  TimePoint now{};

 private:
  std::vector<Sent> sent_;
  Lines lines_;
  std::optional<std::string> asked_;
  std::optional<int> exit_code_;
};

}  // namespace hub::client
