// Every state against every opcode, checked against a table that knows nothing of the code.
#include <array>
#include <map>
#include <string>

#include <catch2/catch.hpp>

#include "tests/client/driver.hpp"

namespace hub::client {

namespace {

constexpr Token kToken = Driver::kToken;

struct Effect {
  std::string next;  // empty: stays
  Lines printed;
  std::vector<Opcode> sent;
};

// One character a cell; a column a state.
const std::array<std::string, 8> kStates = {"OFFLINE",       "LOGIN_SENT",     "ONLINE",
                                            "POST_SENT",     "SUBSCRIBE_SENT", "UNSUBSCRIBE_SENT",
                                            "RETRIEVE_SENT", "LOGOUT_SENT"};
const std::map<int, std::string> kTable = {
    //     O L N P S U R X
    {0x00, "rrrrrrrr"},  //
    {0x80, ".a.xxxxx"},  // ONLINE by way of a login: a repeat of the reply just accepted
    {0x81, ".Axxxxxx"},  //
    {0x8F, ".xxxxxxo"},  //
    {0x90, ".xxxsxxx"},  //
    {0x91, ".xxxSxxx"},  //
    {0xA0, ".xxxxuxx"},  //
    {0xA1, ".xxxxUxx"},  //
    {0xB0, ".xxpxxxx"},  //
    {0xB1, ".xffffff"},  //
    {0xC0, ".xxxxxcx"},  //
    {0xC1, ".xxxxxex"},  //
    {0xF0, "mmmmmmmm"},  //
};
const std::string kUnknown = ".xxxxxxx";

const std::map<char, Effect> kEffects = {
    {'.', {"", {}, {}}},
    {'x', {"OFFLINE", {"error#unexpected_message"}, {Opcode::kSessionReset}}},
    {'r', {"OFFLINE", {"error#session_reset"}, {}}},
    {'m', {"OFFLINE", {"error#must_login_first"}, {}}},
    {'a', {"ONLINE", {"login_ack#successful"}, {}}},
    {'A', {"OFFLINE", {"login_ack#failed"}, {}}},
    {'o', {"OFFLINE", {"logout_ack#successful"}, {}}},
    {'s', {"ONLINE", {"subscribe_ack#successful"}, {}}},
    {'S', {"ONLINE", {"subscribe_ack#failed"}, {}}},
    {'u', {"ONLINE", {"unsubscribe_ack#successful"}, {}}},
    {'U', {"ONLINE", {"unsubscribe_ack#failed"}, {}}},
    {'p', {"ONLINE", {"post_ack#successful"}, {}}},
    {'f', {"", {"<bob>hi"}, {Opcode::kForwardAck}}},
    {'c', {"", {"<bob>hi"}, {}}},
    {'e', {"ONLINE", {}, {}}},
};

Driver driver_in(const std::string& state) {
  static const std::map<std::string, std::string> kLines = {{"POST_SENT", "post#x"},
                                                            {"SUBSCRIBE_SENT", "subscribe#bob"},
                                                            {"UNSUBSCRIBE_SENT", "unsubscribe#bob"},
                                                            {"RETRIEVE_SENT", "retrieve#5"},
                                                            {"LOGOUT_SENT", "logout#"}};
  Driver d;
  if (state == "LOGIN_SENT") d.type("login#ann&secret");
  if (state != "OFFLINE" && state != "LOGIN_SENT") d.log_in();
  if (const auto line = kLines.find(state); line != kLines.end()) d.type(line->second);
  d.take_sent();
  d.take_lines();
  REQUIRE(std::string(name_of(d.state())) == state);
  return d;
}

Token own_token(const std::string& state) {
  return state == "OFFLINE" || state == "LOGIN_SENT" ? 0 : kToken;
}

}  // namespace

TEST_CASE("every opcode does in every state what the table says, and nothing else") {
  for (std::size_t column = 0; column < kStates.size(); ++column) {
    const std::string& state = kStates[column];
    for (int opcode = 0; opcode <= 0xFF; ++opcode) {
      const auto row = kTable.find(opcode);
      const char cell = (row != kTable.end() ? row->second : kUnknown).at(column);
      const Effect& effect = kEffects.at(cell);
      CAPTURE(state, opcode, cell);
      Driver d = driver_in(state);
      const bool brings_token = opcode == 0x80 && state == "LOGIN_SENT";
      d.receive(static_cast<Opcode>(opcode), brings_token ? kToken : own_token(state), "<bob>hi",
                77);
      CHECK(name_of(d.state()) == (effect.next.empty() ? state : effect.next));
      CHECK(d.take_lines() == effect.printed);
      std::vector<Opcode> sent;
      for (const Sent& s : d.take_sent()) sent.push_back(s.opcode);
      CHECK(sent == effect.sent);
    }
  }
}

TEST_CASE("a message with another token than the session's does nothing, login acks aside") {
  for (const std::string& state : kStates) {
    for (int opcode = 0; opcode <= 0xFF; ++opcode) {
      if (opcode == 0x80 || opcode == 0x81) continue;
      CAPTURE(state, opcode);
      Driver d = driver_in(state);
      d.receive(static_cast<Opcode>(opcode), 0x0BADBEEF, "<bob>hi", 77);
      CHECK(name_of(d.state()) == state);
      CHECK(d.take_lines().empty());
      CHECK(d.take_sent().empty());
    }
  }
}

TEST_CASE("a message without a token does nothing online, a refusal and a reset aside") {
  for (const std::string& state : kStates) {
    if (own_token(state) == 0) continue;
    for (int opcode = 0x01; opcode <= 0xEF; ++opcode) {
      if (opcode == 0x80 || opcode == 0x81) continue;
      CAPTURE(state, opcode);
      Driver d = driver_in(state);
      d.receive(static_cast<Opcode>(opcode), 0, "<bob>hi", 77);
      CHECK(name_of(d.state()) == state);
      CHECK(d.take_sent().empty());
    }
  }
}

TEST_CASE("client opcodes are unexpected from a hub") {
  for (const int opcode : {0x10, 0x1F, 0x20, 0x21, 0x30, 0x31, 0x40, 0x7E, 0x7F}) {
    CAPTURE(opcode);
    Driver d = driver_in("ONLINE");
    d.receive(static_cast<Opcode>(opcode), kToken);
    CHECK(d.take_lines() == Lines{"error#unexpected_message"});
  }
}

}  // namespace hub::client
