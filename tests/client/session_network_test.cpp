// The session on a network that loses, repeats and delays; in virtual time.
#include <catch2/catch.hpp>

#include "tests/client/driver.hpp"

namespace hub::client {

namespace {

using namespace std::chrono_literals;

constexpr Token kToken = Driver::kToken;

std::string where(const Driver& d) { return std::string(name_of(d.state())); }

}  // namespace

// --- Time-outs ---

TEST_CASE("a login is sent three times, three seconds apart, and then given up") {
  Driver d;
  d.type("login#ann&secret");
  CHECK(d.take_sent().size() == 1);
  d.wait(2999ms);
  CHECK(d.take_sent().empty());
  d.wait(1ms);
  CHECK(d.take_sent() == std::vector<Sent>{{Opcode::kLogin, 0, 0, "ann&secret"}});
  d.wait(3s);
  CHECK(d.take_sent().size() == 1);
  CHECK(where(d) == "LOGIN_SENT");
  CHECK(d.take_lines().empty());
  d.wait(3s);
  CHECK(d.take_sent().empty());
  CHECK(d.take_lines() == Lines{"error#no_reply"});
  CHECK(where(d) == "OFFLINE");
  CHECK_FALSE(d.session.next_timeout());
}

TEST_CASE("any other request is given up after three seconds and never sent again") {
  const auto line = GENERATE(as<std::string>{}, "post#x", "subscribe#bob", "unsubscribe#bob",
                             "retrieve#3", "logout#", "spurious#client");
  Driver d;
  d.log_in();
  d.type(line);
  d.take_sent();
  d.wait(2999ms);
  CHECK(d.take_lines().empty());
  d.wait(1ms);
  CHECK(d.take_lines() == Lines{"error#no_reply"});
  CHECK(where(d) == "ONLINE");
  d.wait(60s);
  CHECK(d.take_sent().empty());
}

TEST_CASE("a request typed offline is given up after three seconds") {
  Driver d;
  d.type("post#x");
  d.wait(3s);
  CHECK(d.take_lines() == Lines{"error#no_reply"});
  CHECK(where(d) == "OFFLINE");
  CHECK(d.session.wants_input());
}

TEST_CASE("every retrieved post gives the next one three seconds") {
  Driver d;
  d.log_in();
  d.type("retrieve#3");
  d.wait(2s);
  d.receive(Opcode::kRetrieveAck, kToken, "<bob>c", 3);
  d.wait(2s);
  d.receive(Opcode::kRetrieveAck, kToken, "<bob>b", 2);
  d.wait(2999ms);
  CHECK(where(d) == "RETRIEVE_SENT");
  d.wait(1ms);
  CHECK(where(d) == "ONLINE");
  CHECK(d.take_lines() == Lines{"<bob>c", "<bob>b", "error#no_reply"});
}

TEST_CASE("waking the session early or twice does nothing") {
  Driver d;
  d.log_in();
  d.session.on_timeout(d.now + 1h);
  d.type("post#x");
  d.take_sent();
  d.session.on_timeout(d.now + 2s);
  d.collect();
  CHECK(where(d) == "POST_SENT");
  d.session.on_timeout(d.now + 3s);
  d.session.on_timeout(d.now + 3s);
  d.collect();
  CHECK(d.take_lines() == Lines{"error#no_reply"});
}

// --- Late and repeated replies ---

TEST_CASE("a reply that comes after its time-out is ignored") {
  struct Row {
    std::string line;
    std::vector<Opcode> late;
  };
  const auto row = GENERATE(values<Row>({
      {"post#x", {Opcode::kPostAck}},
      {"subscribe#bob", {Opcode::kSubscribeOk}},
      {"subscribe#bob", {Opcode::kSubscribeFailed}},
      {"unsubscribe#bob", {Opcode::kUnsubscribeFailed}},
      {"retrieve#9", {Opcode::kRetrieveAck, Opcode::kRetrieveAck, Opcode::kRetrieveEnd}},
      {"logout#", {Opcode::kLogoutAck}},
  }));
  const bool busy = GENERATE(false, true);
  CAPTURE(row.line, busy);
  Driver d;
  d.log_in();
  d.type(row.line);
  d.wait(3s);
  d.take_lines();
  if (busy) d.type(row.line == "post#x" ? "subscribe#bob" : "post#y");
  const std::string before = where(d);
  d.take_sent();
  for (const Opcode opcode : row.late) d.receive(opcode, kToken, "<bob>late", 5);
  CHECK(where(d) == before);
  CHECK(d.take_lines().empty());
  CHECK(d.take_sent().empty());
}

TEST_CASE("a late reply to an abandoned login is ignored") {
  Driver d;
  d.type("login#ann&secret");
  d.wait(9s);
  d.take_lines();
  d.take_sent();
  d.receive(Opcode::kLoginOk, kToken);
  CHECK(where(d) == "OFFLINE");
  CHECK(d.take_lines().empty());
  CHECK(d.take_sent().empty());
}

TEST_CASE("a late refusal of a request typed offline does not end the login after it") {
  Driver d;
  d.type("post#x");
  d.wait(3s);
  d.take_lines();
  d.type("login#ann&secret");
  d.receive(Opcode::kMustLoginFirst, 0);
  CHECK(where(d) == "LOGIN_SENT");
  d.receive(Opcode::kLoginOk, kToken);
  CHECK(d.take_lines() == Lines{"login_ack#successful"});
}

TEST_CASE("a repeat of the reply just accepted is ignored until the next request is sent") {
  struct Row {
    std::string line;
    Opcode reply;
  };
  const auto row = GENERATE(values<Row>({
      {"post#x", Opcode::kPostAck},
      {"subscribe#bob", Opcode::kSubscribeOk},
      {"subscribe#bob", Opcode::kSubscribeFailed},
      {"unsubscribe#bob", Opcode::kUnsubscribeOk},
      {"unsubscribe#bob", Opcode::kUnsubscribeFailed},
      {"retrieve#3", Opcode::kRetrieveEnd},
  }));
  CAPTURE(row.line);
  Driver d;
  d.log_in();
  d.type(row.line);
  d.receive(row.reply, kToken);
  d.take_lines();
  d.take_sent();
  d.receive(row.reply, kToken);
  d.type("state#");
  d.type("psot#");
  d.receive(Opcode::kForward, kToken, "<bob>hi", 3);
  d.receive(row.reply, kToken);
  CHECK(where(d) == "ONLINE");
  CHECK(d.take_lines() == Lines{"state#ONLINE", "error#unknown_command", "<bob>hi"});
  CHECK(d.take_sent().size() == 1);
  d.type(row.line == "post#x" ? "subscribe#bob" : "post#x");
  d.receive(row.reply, kToken);
  CHECK(d.take_lines() == Lines{"error#unexpected_message"});
  CHECK(where(d) == "OFFLINE");
}

TEST_CASE("a straggler of a finished retrieve is ignored") {
  Driver d;
  d.log_in();
  d.type("retrieve#3");
  d.receive(Opcode::kRetrieveEnd, kToken);
  d.receive(Opcode::kRetrieveAck, kToken, "<bob>late", 2);
  CHECK(where(d) == "ONLINE");
  CHECK(d.take_lines().empty());
}

TEST_CASE("a repeated refusal or reset is printed once") {
  const auto opcode = GENERATE(Opcode::kMustLoginFirst, Opcode::kSessionReset);
  Driver d;
  d.log_in();
  d.receive(opcode, kToken);
  d.receive(opcode, kToken);
  d.receive(opcode, 0);
  CHECK(d.take_lines().size() == 1);
  d.type("post#x");
  d.receive(Opcode::kMustLoginFirst, 0);
  d.receive(Opcode::kMustLoginFirst, 0);
  CHECK(d.take_lines() == Lines{"error#must_login_first"});
}

// --- Lost login acks ---

TEST_CASE("after a repeated login the second ack's token is the session's") {
  Driver d;
  d.type("login#ann&secret");
  d.wait(3s);
  d.receive(Opcode::kLoginOk, 0x11);
  d.receive(Opcode::kLoginOk, 0x22);
  CHECK(d.take_lines() == Lines{"login_ack#successful"});
  CHECK(where(d) == "ONLINE");
  d.take_sent();
  d.type("post#x");
  CHECK(d.take_sent() == std::vector<Sent>{{Opcode::kPost, 0x22, 0, "x"}});
  d.receive(Opcode::kPostAck, 0x11);
  CHECK(where(d) == "POST_SENT");
  d.receive(Opcode::kLoginOk, 0x11);  // the network repeats the first ack: its session is over
  d.receive(Opcode::kPostAck, 0x22);
  CHECK(d.take_lines() == Lines{"post_ack#successful"});
}

TEST_CASE("the renewed token is taken even while a reply is awaited") {
  Driver d;
  d.type("login#ann&secret");
  d.wait(3s);
  d.receive(Opcode::kLoginOk, 0x11);
  d.type("post#x");
  d.receive(Opcode::kLoginOk, 0x22);
  CHECK(where(d) == "POST_SENT");
  d.receive(Opcode::kMustLoginFirst, 0x11);  // of the post, to the session that is over
  CHECK(where(d) == "POST_SENT");
  d.wait(3s);
  CHECK(where(d) == "ONLINE");
  CHECK(d.take_lines() == Lines{"login_ack#successful", "error#no_reply"});
}

TEST_CASE("a login that the network repeats renews the token as well") {
  Driver d;
  d.log_in(0x11);
  d.receive(Opcode::kLoginOk, 0x11);
  d.receive(Opcode::kLoginOk, 0x22);
  CHECK(where(d) == "ONLINE");
  CHECK(d.take_lines().empty());
  d.type("post#x");
  CHECK(d.take_sent() == std::vector<Sent>{{Opcode::kPost, 0x22, 0, "x"}});
}

TEST_CASE("once something else was asked, another ack of a login sent once is unexpected") {
  const auto token = GENERATE(as<Token>{}, 0x11, 0x22);
  Driver d;
  d.log_in(0x11);
  d.type("post#x");
  d.receive(Opcode::kLoginOk, token);
  CHECK(d.take_lines() == Lines{"error#unexpected_message"});
  CHECK(where(d) == "OFFLINE");
}

TEST_CASE("acks of an abandoned login are no surprise in the next one") {
  Driver d;
  d.type("login#ann&secret");
  d.wait(9s);
  d.type("login#ann&secret");
  d.take_lines();
  d.receive(Opcode::kLoginOk, 0x11);  // of the first login
  d.receive(Opcode::kLoginOk, 0x22);  // of the second
  CHECK(where(d) == "ONLINE");
  CHECK(d.take_lines() == Lines{"login_ack#successful"});
  d.take_sent();
  d.type("post#x");
  CHECK(d.take_sent().front().token == 0x22);
}

}  // namespace hub::client
