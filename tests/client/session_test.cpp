#include <catch2/catch.hpp>

#include "protocol/limits.hpp"
#include "tests/client/driver.hpp"

namespace hub::client {

namespace {

using namespace std::chrono_literals;

constexpr Token kToken = Driver::kToken;

/// The state as the user sees it, for failure messages that can be read.
std::string where(const Driver& d) { return std::string(name_of(d.state())); }

}  // namespace

// --- The table, row by row ---

TEST_CASE("a typed login is sent and its ack brings the session online") {
  Driver d;
  d.type("login#ann&se&cret");
  CHECK(where(d) == "LOGIN_SENT");
  CHECK(d.take_sent() == std::vector<Sent>{{Opcode::kLogin, 0, 0, "ann&se&cret"}});
  d.receive(Opcode::kLoginOk, kToken);
  CHECK(where(d) == "ONLINE");
  CHECK(d.take_lines() == Lines{"login_ack#successful"});
  CHECK(d.session.id() == "ann");
}

TEST_CASE("a refused login stays offline") {
  Driver d;
  d.type("login#ann&wrong");
  d.receive(Opcode::kLoginFailed, 0);
  CHECK(where(d) == "OFFLINE");
  CHECK(d.take_lines() == Lines{"login_ack#failed"});
  CHECK(d.session.id().empty());
}

TEST_CASE("requests typed offline go out with token 0, and the refusal is printed") {
  const auto row = GENERATE(table<std::string, Opcode, std::string>({
      {"post#hello", Opcode::kPost, "hello"},
      {"subscribe#bob", Opcode::kSubscribe, "bob"},
      {"unsubscribe#bob", Opcode::kUnsubscribe, "bob"},
      {"retrieve#7", Opcode::kRetrieve, "7"},
      {"logout#", Opcode::kLogout, ""},
      {"spurious#client", Opcode::kSpuriousClient, ""},
      {"spurious#server", Opcode::kSpuriousServer, ""},
  }));
  Driver d;
  d.type(std::get<0>(row));
  CHECK(where(d) == "OFFLINE");
  CHECK(d.take_sent() == std::vector<Sent>{{std::get<1>(row), 0, 0, std::get<2>(row)}});
  CHECK_FALSE(d.session.wants_input());
  d.receive(Opcode::kMustLoginFirst, 0);
  CHECK(where(d) == "OFFLINE");
  CHECK(d.take_lines() == Lines{"error#must_login_first"});
  CHECK(d.session.wants_input());
}

TEST_CASE("each request has its state, its payload and its replies") {
  struct Row {
    std::string line;
    Opcode request;
    std::string payload;
    std::string waiting;
    Opcode reply;
    std::string after;
    Lines printed;
  };
  const auto row = GENERATE(values<Row>({
      {"post#a # b",
       Opcode::kPost,
       "a # b",
       "POST_SENT",
       Opcode::kPostAck,
       "ONLINE",
       {"post_ack#successful"}},
      {"subscribe#bob",
       Opcode::kSubscribe,
       "bob",
       "SUBSCRIBE_SENT",
       Opcode::kSubscribeOk,
       "ONLINE",
       {"subscribe_ack#successful"}},
      {"subscribe#bob",
       Opcode::kSubscribe,
       "bob",
       "SUBSCRIBE_SENT",
       Opcode::kSubscribeFailed,
       "ONLINE",
       {"subscribe_ack#failed"}},
      {"unsubscribe#bob",
       Opcode::kUnsubscribe,
       "bob",
       "UNSUBSCRIBE_SENT",
       Opcode::kUnsubscribeOk,
       "ONLINE",
       {"unsubscribe_ack#successful"}},
      {"unsubscribe#bob",
       Opcode::kUnsubscribe,
       "bob",
       "UNSUBSCRIBE_SENT",
       Opcode::kUnsubscribeFailed,
       "ONLINE",
       {"unsubscribe_ack#failed"}},
      {"retrieve#20", Opcode::kRetrieve, "20", "RETRIEVE_SENT", Opcode::kRetrieveEnd, "ONLINE", {}},
      {"logout#",
       Opcode::kLogout,
       "",
       "LOGOUT_SENT",
       Opcode::kLogoutAck,
       "OFFLINE",
       {"logout_ack#successful"}},
  }));
  CAPTURE(row.line);
  Driver d;
  d.log_in();
  d.type(row.line);
  CHECK(where(d) == row.waiting);
  CHECK(d.take_sent() == std::vector<Sent>{{row.request, kToken, 0, row.payload}});
  d.receive(row.reply, kToken);
  CHECK(where(d) == row.after);
  CHECK(d.take_lines() == row.printed);
  CHECK(d.take_sent().empty());
  CHECK(d.session.wants_input());
}

TEST_CASE("a retrieve prints its posts as they come and the end prints nothing") {
  Driver d;
  d.log_in();
  d.type("retrieve#2");
  d.receive(Opcode::kRetrieveAck, kToken, "<bob>new", 9);
  CHECK(where(d) == "RETRIEVE_SENT");
  d.receive(Opcode::kRetrieveAck, kToken, "<bob>old", 4);
  d.receive(Opcode::kRetrieveEnd, kToken);
  CHECK(d.take_lines() == Lines{"<bob>new", "<bob>old"});
  CHECK(where(d) == "ONLINE");
}

TEST_CASE("a retrieved post that the network repeats is shown once, equal texts are not repeats") {
  Driver d;
  d.log_in();
  d.type("retrieve#5");
  d.receive(Opcode::kRetrieveAck, kToken, "<bob>same", 9);
  d.receive(Opcode::kRetrieveAck, kToken, "<bob>same", 9);
  d.receive(Opcode::kRetrieveAck, kToken, "<bob>same", 8);
  d.receive(Opcode::kRetrieveEnd, kToken);
  CHECK(d.take_lines() == Lines{"<bob>same", "<bob>same"});
  d.type("retrieve#1");
  d.receive(Opcode::kRetrieveAck, kToken, "<bob>same", 9);
  CHECK(d.take_lines() == Lines{"<bob>same"});
}

TEST_CASE("a forward is printed and acknowledged with its message ID in every online state") {
  const auto line = GENERATE(as<std::string>{}, "", "post#x", "subscribe#bob", "unsubscribe#bob",
                             "retrieve#3", "logout#");
  Driver d;
  d.log_in();
  d.type(line);
  d.take_sent();
  const std::string before = where(d);
  d.receive(Opcode::kForward, kToken, "<bob>hello", 0x01020304);
  CHECK(d.take_lines() == Lines{"<bob>hello"});
  CHECK(d.take_sent() == std::vector<Sent>{{Opcode::kForwardAck, kToken, 0x01020304, ""}});
  CHECK(where(d) == before);
}

TEST_CASE("a repeated forward is acknowledged again and printed once") {
  Driver d;
  d.log_in();
  d.receive(Opcode::kForward, kToken, "<bob>hello", 7);
  d.receive(Opcode::kForward, kToken, "<bob>hello", 8);
  d.receive(Opcode::kForward, kToken, "<bob>hello", 7);
  CHECK(d.take_lines() == Lines{"<bob>hello", "<bob>hello"});
  CHECK(d.take_sent().size() == 3);
}

TEST_CASE("forwards without a message ID cannot be repeats") {
  Driver d;
  d.log_in();
  d.receive(Opcode::kForward, kToken, "<bob>ha", 0);
  d.receive(Opcode::kForward, kToken, "<bob>ha", 0);
  CHECK(d.take_lines() == Lines{"<bob>ha", "<bob>ha"});
}

TEST_CASE("the hub's refusal ends the session in every state") {
  const auto line = GENERATE(as<std::string>{}, "", "post#x", "subscribe#bob", "unsubscribe#bob",
                             "retrieve#3", "logout#");
  const Token token = GENERATE(as<Token>{}, kToken, 0u);
  CAPTURE(line, token);
  Driver d;
  d.log_in();
  d.type(line);
  d.receive(Opcode::kMustLoginFirst, token);
  CHECK(where(d) == "OFFLINE");
  CHECK(d.take_lines() == Lines{"error#must_login_first"});
  CHECK(d.session.id().empty());
  d.take_sent();
  d.type("post#after");
  CHECK(d.take_sent() == std::vector<Sent>{{Opcode::kPost, 0, 0, "after"}});
}

TEST_CASE("a session reset ends the session and is never answered") {
  const auto line = GENERATE(as<std::string>{}, "", "post#x", "retrieve#3", "logout#");
  Driver d;
  d.log_in();
  d.type(line);
  d.take_sent();
  d.receive(Opcode::kSessionReset, kToken);
  CHECK(where(d) == "OFFLINE");
  CHECK(d.take_lines() == Lines{"error#session_reset"});
  CHECK(d.take_sent().empty());
}

TEST_CASE("an unasked-for reply resets the session") {
  Driver d;
  d.log_in();
  d.receive(Opcode::kSubscribeOk, kToken);
  CHECK(where(d) == "OFFLINE");
  CHECK(d.take_lines() == Lines{"error#unexpected_message"});
  CHECK(d.take_sent() == std::vector<Sent>{{Opcode::kSessionReset, kToken, 0, ""}});
}

TEST_CASE("spurious#server ends in a reset even right after a subscribe") {
  Driver d;
  d.log_in();
  d.type("subscribe#bob");
  d.receive(Opcode::kSubscribeOk, kToken);
  d.type("spurious#server");
  CHECK(d.take_sent().back() == Sent{Opcode::kSpuriousServer, kToken, 0, ""});
  d.receive(Opcode::kSubscribeOk, kToken);
  CHECK(where(d) == "OFFLINE");
  CHECK(d.take_lines() == Lines{"subscribe_ack#successful", "error#unexpected_message"});
  CHECK(d.take_sent() == std::vector<Sent>{{Opcode::kSessionReset, kToken, 0, ""}});
}

TEST_CASE("spurious#client is answered by a reset") {
  Driver d;
  d.log_in();
  d.type("spurious#client");
  d.type("post#after");
  CHECK(d.take_sent() == std::vector<Sent>{{Opcode::kSpuriousClient, kToken, 0, ""}});
  d.receive(Opcode::kSessionReset, kToken);
  CHECK(d.take_lines() == Lines{"error#session_reset"});
  CHECK(d.take_sent() == std::vector<Sent>{{Opcode::kPost, 0, 0, "after"}});
}

TEST_CASE("reset# sends a session reset and forgets the session") {
  Driver d;
  d.log_in();
  d.type("reset#");
  CHECK(d.take_sent() == std::vector<Sent>{{Opcode::kSessionReset, kToken, 0, ""}});
  CHECK(where(d) == "OFFLINE");
  CHECK(d.take_lines().empty());
}

TEST_CASE("state# prints the state, in its turn") {
  Driver d;
  d.type("state#");
  d.type("login#ann&secret");
  d.type("state#");
  CHECK(d.take_lines() == Lines{"state#OFFLINE"});
  d.receive(Opcode::kLoginOk, kToken);
  CHECK(d.take_lines() == Lines{"login_ack#successful", "state#ONLINE"});
}

TEST_CASE("a login while online is refused here and sends nothing") {
  Driver d;
  d.log_in();
  d.type("login#bob&secret");
  CHECK(d.take_lines() == Lines{"error#already_logged_in"});
  CHECK(d.take_sent().empty());
  CHECK(where(d) == "ONLINE");
}

TEST_CASE("an invalid line resets nothing and sends nothing") {
  Driver d;
  d.log_in();
  d.type("post#" + std::string(256, 'x'));
  d.type("subscribe#no such");
  d.type("frobnicate#");
  CHECK(d.take_lines() == Lines{"error#bad_text", "error#bad_client_id", "error#unknown_command"});
  CHECK(d.take_sent().empty());
  CHECK(where(d) == "ONLINE");
}

}  // namespace hub::client
