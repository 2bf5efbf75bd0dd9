// Fuzzes spoke's core: typed lines in pieces, datagrams from anywhere and time, against one
// session. Whatever comes, what is printed is harmless and what is sent is well formed.
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "client/core/line.hpp"
#include "client/core/printer.hpp"
#include "client/core/session.hpp"
#include "protocol/classic.hpp"
#include "protocol/limits.hpp"
#include "protocol/text.hpp"
#include "tests/fuzz/input.hpp"

namespace hub::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr std::array kLines = {"login#ann&pw",  "login#ann",       "post#hello",
                               "subscribe#bob", "unsubscribe#bob", "retrieve#20",
                               "retrieve#0",    "logout#",         "reset#",
                               "state#",        "spurious#client", "spurious#server",
                               "help#",         "quit#",           "",
                               "post",          "login#a b&c"};

class Client {
 public:
  explicit Client(bool can_ask) : session_({.can_ask = can_ask, .max_waiting = 8}) {}

  void step(Input& input) {
    switch (input.below(8)) {
      case 0:
        type(kLines[input.below(kLines.size())]);
        break;
      case 1:
        type(input.piece());
        break;
      case 2:
        add(input.piece());
        break;
      case 3:
        receive_reply(input);
        break;
      case 4: {
        const std::string_view raw = input.piece();
        receive({reinterpret_cast<const std::uint8_t*>(raw.data()), raw.size()});
        break;
      }
      case 5:
        now_ += std::chrono::milliseconds(input.u8() * 20);
        session_.on_timeout(now_);
        break;
      case 6:
        if (std::exchange(asked_, false)) {
          session_.on_password(
              input.u8() % 4 == 0 ? std::nullopt : std::optional(std::string(input.piece())), now_);
        }
        break;
      default:
        if (input.u8() < 16) session_.on_input_end(now_);
        break;
    }
    carry_out();
  }

  /// Whatever state it is in, it comes to an end by itself once its input has ended.
  void finish() {
    session_.on_input_end(now_);
    carry_out();
    for (int i = 0; !session_.finished() && i < 10'000; ++i) {
      if (std::exchange(asked_, false)) {
        session_.on_password(std::nullopt, now_);
      } else {
        must(session_.next_timeout().has_value(), "who is not finished awaits something");
        now_ = *session_.next_timeout();
        session_.on_timeout(now_);
      }
      carry_out();
    }
    must(session_.finished(), "a client whose input has ended finishes");
    must(exited_, "and says so");
  }

 private:
  void type(std::string_view line) {
    const auto parsed = client::parse_line(line);
    if (!parsed) {
      must(is_harmless(parsed.error().word) && is_harmless(parsed.error().sentence),
           "a complaint is one harmless line");
    }
    if (const auto remembered = client::memorable(line)) {
      const std::size_t password = line.find('&');
      must(!line.starts_with("login#") || password == std::string_view::npos ||
               remembered->find('&') == std::string::npos,
           "no password is remembered");
    }
    session_.on_line(line, now_);
  }

  void add(std::string_view bytes) {
    cutter_.add(bytes);
    while (const auto line = cutter_.next()) {
      must(line->size() <= client::LineCutter::kMaxLineBytes, "a line is bounded");
      must(line->find('\n') == std::string::npos, "a line is one line");
      type(*line);
    }
  }

  /// A reply as a hub, a broken hub or an attacker would send it.
  void receive_reply(Input& input) {
    static constexpr std::array<std::uint8_t, 16> kReplies = {0x80, 0x81, 0x8F, 0x90, 0x91, 0xA0,
                                                              0xA1, 0xB0, 0xB1, 0xC0, 0xC1, 0xF0,
                                                              0x00, 0x7F, 0x10, 0xFF};
    classic::Header header;
    header.opcode = static_cast<Opcode>(kReplies[input.below(kReplies.size())]);
    const std::uint8_t token = input.u8();
    header.token = token < 8 ? token : kToken;
    header.msg_id = input.u8();
    std::vector<std::uint8_t> bytes;
    classic::encode(header, input.piece(), bytes);
    receive(bytes);
  }

  void receive(Bytes datagram) {
    const auto message = client::read_classic(datagram);
    if (message) session_.on_message(*message, now_);
  }

  void carry_out() {
    for (const client::Output& output : session_.outputs()) {
      must(!exited_, "nothing comes after the exit");
      if (const auto* send = std::get_if<client::Send>(&output)) {
        check_datagram(client::write_classic(send->message));
      } else if (const auto* print = std::get_if<client::Print>(&output)) {
        check_record(print->record);
      } else if (std::holds_alternative<client::AskPassword>(output)) {
        must(!asked_, "one password is asked for at a time");
        asked_ = true;
      } else {
        exited_ = true;
      }
    }
    session_.outputs().clear();
    must(session_.finished() || session_.state() == client::State::kOffline ||
             session_.state() == client::State::kOnline || session_.next_timeout().has_value(),
         "whoever awaits a reply knows until when");
  }

  static void check_datagram(const std::vector<std::uint8_t>& datagram) {
    const auto decoded = classic::decode(datagram);
    must(decoded.has_value(), "what is sent can be read");
    must(!is_from_server(decoded->header.opcode), "a client sends a client's messages");
    // A text of more than 255 bytes goes out whole, its length wrapped.
    must(datagram.size() <= kClassicHeaderBytes + kMaxTextBytes + 1, "what is sent is bounded");
  }

  static void check_record(const client::Record& record) {
    const std::string plain = client::render(record, {.terminal = false, .colour = false});
    if (plain.empty()) return;
    must(plain.back() == '\n', "a record is whole");
    must(is_utf8(plain), "a record is UTF-8");
    if (record.kind == client::RecordKind::kHelp) return;
    must(is_harmless(std::string_view(plain).substr(0, plain.size() - 1)), "one harmless line");
  }

  static constexpr Token kToken = 0x12345678;

  client::Session session_;
  client::LineCutter cutter_;
  TimePoint now_{};
  bool asked_ = false;
  bool exited_ = false;
};

}  // namespace
}  // namespace hub::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hub::fuzz::Input input(data, size);
  hub::fuzz::Client client(input.u8() % 2 == 0);
  while (!input.empty()) client.step(input);
  client.finish();
  return 0;
}
