#include "tests/support/raw_client.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

namespace hub::test {

namespace {

constexpr std::size_t kHeader = 12;

[[noreturn]] void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

socklen_t fill_address(sockaddr_storage& out, const std::string& ip, std::uint16_t port) {
  out = {};
  sockaddr_in v4{};
  if (::inet_pton(AF_INET, ip.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&out, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET6, ip.c_str(), &v6.sin6_addr) != 1) {
    throw std::runtime_error(ip + " is not an address");
  }
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&out, &v6, sizeof v6);
  return sizeof v6;
}

std::string address_text(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return std::string(text.data()) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof v6);
  ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  return "[" + std::string(text.data()) + "]:" + std::to_string(ntohs(v6.sin6_port));
}

void put_u32(std::string& out, std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(value >> shift & 0xFF);
}

std::uint32_t get_u32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

Received parse(std::string_view bytes, std::array<char, 2> magic) {
  Received out;
  out.size = bytes.size();
  if (bytes.size() < kHeader) {
    throw Unexpected("a datagram of " + std::to_string(bytes.size()) + " bytes from the hub");
  }
  out.magic = {bytes[0], bytes[1]};
  out.opcode = static_cast<unsigned char>(bytes[2]);
  out.length = static_cast<unsigned char>(bytes[3]);
  out.token = get_u32(bytes.substr(4));
  out.msg_id = get_u32(bytes.substr(8));
  const std::string_view body = bytes.substr(kHeader);
  const auto claimed = static_cast<std::size_t>(out.length);
  if (out.magic != magic) throw Unexpected("another magic than ours in " + hex(out.opcode));
  if (body.size() != claimed + (claimed > 0 ? 1 : 0)) {
    throw Unexpected(hex(out.opcode) + " says " + std::to_string(claimed) + " bytes and has " +
                     std::to_string(body.size()));
  }
  if (claimed > 0 && body.back() != '\0') throw Unexpected(hex(out.opcode) + " without its NUL");
  out.payload = body.substr(0, claimed);
  if (out.payload.find('\0') != std::string::npos) {
    throw Unexpected(hex(out.opcode) + " with a NUL inside its payload");
  }
  return out;
}

}  // namespace

std::string hex(int opcode) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  return {'0', 'x', kDigits[static_cast<std::size_t>(opcode >> 4 & 0xF)],
          kDigits[static_cast<std::size_t>(opcode & 0xF)]};
}

std::string to_string(const Received& received) {
  return hex(received.opcode) + " token " + std::to_string(received.token) + " id " +
         std::to_string(received.msg_id) + " \"" + received.payload + "\"";
}

RawClient::RawClient(const Options& options) : magic_(options.magic) {
  hub_size_ = fill_address(hub_, options.hub, options.port);
  socket_ = Fd(::socket(hub_.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket_) throw_errno("socket");
  const char* any = hub_.ss_family == AF_INET ? "0.0.0.0" : "::";
  sockaddr_storage own{};
  const socklen_t own_size =
      fill_address(own, options.source.empty() ? any : options.source, options.source_port);
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&own), own_size) != 0) {
    throw_errno("bind to " + address_text(own));
  }
}

std::uint16_t RawClient::own_port() const {
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  if (::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&own), &size) != 0) {
    throw_errno("getsockname");
  }
  sockaddr_in v4{};  // the port stands at the same place in both
  std::memcpy(&v4, &own, sizeof v4);
  return ntohs(v4.sin_port);
}

void RawClient::set_port(std::uint16_t port) {
  sockaddr_in v4{};
  std::memcpy(&v4, &hub_, sizeof v4);
  v4.sin_port = htons(port);
  std::memcpy(&hub_, &v4, sizeof v4);
}

void RawClient::send_bytes(std::string_view bytes) {
  const ssize_t n = ::sendto(socket_.get(), bytes.data(), bytes.size(), 0,
                             reinterpret_cast<const sockaddr*>(&hub_), hub_size_);
  if (n != static_cast<ssize_t>(bytes.size())) throw_errno("sendto " + address_text(hub_));
  bytes_sent_ += bytes.size();
}

void RawClient::send(int opcode, std::string_view payload, const Wrong& wrong) {
  std::string bytes(magic_.begin(), magic_.end());
  bytes += static_cast<char>(opcode);
  bytes += static_cast<char>(wrong.length.value_or(static_cast<int>(payload.size() & 0xFF)));
  put_u32(bytes, wrong.token.value_or(token_));
  put_u32(bytes, wrong.msg_id);
  bytes += payload;
  bytes += wrong.behind;
  send_bytes(bytes);
}

bool RawClient::readable(int milliseconds) {
  pollfd waiting{socket_.get(), POLLIN, 0};
  return ::poll(&waiting, 1, milliseconds) == 1;
}

Received RawClient::read() {
  std::array<char, 4096> buffer{};
  sockaddr_storage from{};
  socklen_t from_size = sizeof from;
  const ssize_t n = ::recvfrom(socket_.get(), buffer.data(), buffer.size(), 0,
                               reinterpret_cast<sockaddr*>(&from), &from_size);
  if (n < 0) throw_errno("recvfrom");
  bytes_received_ += static_cast<std::size_t>(n);
  Received out = parse({buffer.data(), static_cast<std::size_t>(n)}, magic_);
  out.from = address_text(from);
  return out;
}

Received RawClient::receive() {
  if (!readable(Deadline().left())) throw Unexpected("the hub sends nothing");
  return read();
}

std::optional<Received> RawClient::receive_now() {
  if (!readable(0)) return std::nullopt;
  return read();
}

Received RawClient::expect(int opcode) {
  if (!readable(Deadline().left())) {
    throw Unexpected("waited for " + hex(opcode) + " and the hub sends nothing");
  }
  Received out = read();
  if (out.opcode != opcode) {
    throw Unexpected("waited for " + hex(opcode) + " and got " + to_string(out));
  }
  return out;
}

Received RawClient::ask(int opcode, std::string_view payload, int reply, const Wrong& wrong) {
  send(opcode, payload, wrong);
  return expect(reply);
}

void RawClient::login(std::string_view id, std::string_view password) {
  const std::string payload = std::string(id) + "&" + std::string(password);
  token_ = ask(0x10, payload, 0x80, {.token = 0}).token;
  if (token_ == 0) throw Unexpected("a session with token 0");
}

std::vector<std::string> RawClient::retrieve(std::string_view n) {
  send(0x40, n);
  std::vector<std::string> out;
  for (;;) {
    const Received received = receive();
    if (received.opcode == 0xC1) return out;
    if (received.opcode != 0xC0) throw Unexpected("inside a retrieve: " + to_string(received));
    out.push_back(received.payload);
  }
}

std::vector<Received> RawClient::round_trip() {
  send(0x20, "nobody_of_this_name");
  std::vector<Received> before;
  for (;;) {
    Received received = receive();
    if (received.opcode == 0x91 || received.opcode == 0xF0) return before;
    before.push_back(std::move(received));
  }
}

void RawClient::expect_nothing() {
  const std::vector<Received> before = round_trip();
  if (!before.empty()) throw Unexpected("expected nothing and got " + to_string(before.front()));
}

void RawClient::ask_until_answered(int opcode, std::string_view payload, int reply) {
  const Deadline deadline;
  while (!deadline.over()) {
    send(opcode, payload);
    while (readable(300)) {
      if (read().opcode == reply) return;
    }
  }
  throw Unexpected("the hub no longer answers " + hex(opcode));
}

}  // namespace hub::test
