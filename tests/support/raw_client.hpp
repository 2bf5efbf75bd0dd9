// A classic client written by hand, from the description of the framing alone: it shares no code
// with the hub's encoder and decoder, and may be as wrong on the wire as real people's clients
// were. What it receives it holds to the description strictly (magic, length, closing NUL).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/in.h>

#include "tests/support/process.hpp"

namespace hub::test {

/// A datagram from the hub.
struct Received {
  std::array<char, 2> magic{};
  int opcode = 0;
  int length = 0;
  std::uint32_t token = 0;
  std::uint32_t msg_id = 0;
  std::string payload;
  std::string from;      // the address it came from, "127.0.0.1:32000"
  std::size_t size = 0;  // of the whole datagram
};

/// What a request carries that the description does not ask for; nothing set is a correct one.
struct Wrong {
  std::optional<int> length = std::nullopt;
  std::optional<std::uint32_t> token = std::nullopt;
  std::uint32_t msg_id = 0;
  std::string behind = {};  // bytes behind the payload that payload_len does not count
};

class RawClient {
 public:
  struct Options {
    std::string hub = "127.0.0.1";
    std::uint16_t port = 0;
    std::string source = {};  // our own address; any where empty
    std::uint16_t source_port = 0;
    std::array<char, 2> magic = {'a', 'Z'};
  };
  /// Throws std::system_error where the address or port cannot be had.
  explicit RawClient(const Options& options);

  std::uint16_t own_port() const;
  void set_magic(std::array<char, 2> magic) { magic_ = magic; }
  void set_token(std::uint32_t token) { token_ = token; }
  std::uint32_t token() const { return token_; }
  void set_port(std::uint16_t port);  // of the hub

  void send_bytes(std::string_view bytes);
  void send(int opcode, std::string_view payload = {}, const Wrong& wrong = {});

  /// The next datagram. Throws Unexpected when none comes, or one that is not well formed.
  Received receive();
  /// ... of this opcode; any other is Unexpected. (0xB1: also acknowledges nothing by itself.)
  Received expect(int opcode);
  /// What has come already, without waiting.
  std::optional<Received> receive_now();
  /// Waits at most that long for something to come.
  bool readable(int milliseconds);
  /// Sends and expects one reply with our magic and, where given, this payload.
  Received ask(int opcode, std::string_view payload, int reply, const Wrong& wrong = {});

  void login(std::string_view id, std::string_view password);
  void post(std::string_view text) { ask(0x30, text, 0xB0); }
  void subscribe(std::string_view id) { ask(0x20, id, 0x90); }
  /// The texts of one whole run of retrieve acks.
  std::vector<std::string> retrieve(std::string_view n);

  /// Asks for something that changes nothing and whose answer comes after everything that was sent
  /// to us before: all that came until then. (Online: a subscribe to nobody; offline: 0xF0.)
  std::vector<Received> round_trip();
  /// Throws Unexpected if round_trip() brings anything.
  void expect_nothing();

  /// A request with more datagrams in flight than the hub's buffer holds may be lost: asks until
  /// it is answered, a few times a second at most, and ignores what else comes meanwhile.
  void ask_until_answered(int opcode, std::string_view payload, int reply);

  std::size_t bytes_sent() const { return bytes_sent_; }
  std::size_t bytes_received() const { return bytes_received_; }

 private:
  Received read();

  Fd socket_;
  sockaddr_storage hub_{};
  socklen_t hub_size_ = 0;
  std::array<char, 2> magic_;
  std::uint32_t token_ = 0;
  std::size_t bytes_sent_ = 0;
  std::size_t bytes_received_ = 0;
};

/// "0x9F"
std::string hex(int opcode);
std::string to_string(const Received& received);

}  // namespace hub::test
