#include <charconv>
#include <iterator>

#include <fmt/format.h>

#include "bench/load/measure.hpp"
#include "bench/rivals/dialect.hpp"

namespace hub::bench {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kInbox = "inbox.";  // where the server's confirmations of posts go

/// The last word of a line.
std::string_view last_word(std::string_view line) { return line.substr(line.rfind(' ') + 1); }

class Nats final : public Dialect {
 public:
  explicit Nats(bool persist) : persist_(persist) {}

  void greet(std::size_t connection, std::string& out) override {
    out += "CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":false}\r\n";
    if (persist_) {
      out += fmt::format("SUB {}{} 9\r\n", kInbox, connection);
      // Whoever comes later asks for the stream that is there, which is no error.
      static constexpr std::string_view kStream =
          R"({"name":"posts","subjects":["posts"],"storage":"file","retention":"limits"})";
      out += fmt::format("PUB $JS.API.STREAM.CREATE.posts {}\r\n{}\r\n", kStream.size(), kStream);
    }
    out += "PING\r\n";
  }
  void subscribe(std::string_view topic, std::string& out) override {
    out += fmt::format("SUB {} 1\r\nPING\r\n", topic);
  }
  void publish(std::size_t connection, std::string_view topic, std::string_view text,
               std::string& out) override {
    auto to = std::back_inserter(out);
    if (persist_) {
      fmt::format_to(to, "PUB posts {}{} {}\r\n", kInbox, connection, text.size());
    } else {
      fmt::format_to(to, "PUB {} {}\r\n", topic, text.size());
    }
    out += text;
    out += kLineEnd;
  }
  void answer(const Frame& frame, std::string& out) override {
    if (frame.kind == Frame::Kind::kPing) out += "PONG\r\n";
  }
  bool confirms() const override { return persist_; }

  std::optional<Frame> read(std::string_view bytes) const override {
    const std::size_t end = bytes.find(kLineEnd);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = bytes.substr(0, end);
    if (line.starts_with("MSG ")) return message(line, bytes);
    Frame out;
    out.size = end + kLineEnd.size();
    if (line == "PONG") out.kind = Frame::Kind::kReady;
    if (line == "PING") out.kind = Frame::Kind::kPing;
    if (line.starts_with("-ERR")) throw Failure("nats-server says " + std::string(line));
    return out;
  }

 private:
  /// MSG subject sid [reply] size, and so many bytes on the next line.
  static std::optional<Frame> message(std::string_view line, std::string_view bytes) {
    const std::string_view digits = last_word(line);
    std::size_t size = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), size).ec != std::errc{}) {
      throw Failure("nats-server sends a message without a size: " + std::string(line));
    }
    Frame out;
    const std::size_t begin = line.size() + kLineEnd.size();
    out.size = begin + size + kLineEnd.size();
    if (bytes.size() < out.size) return std::nullopt;
    out.payload = bytes.substr(begin, size);
    const bool is_confirmation = line.substr(4).starts_with(kInbox);
    out.kind = is_confirmation ? Frame::Kind::kPublished : Frame::Kind::kDelivery;
    if (is_confirmation && out.payload.find("\"error\"") != std::string_view::npos) {
      throw Failure("JetStream refuses a post: " + std::string(out.payload));
    }
    return out;
  }

  const bool persist_;
};

}  // namespace

std::unique_ptr<Dialect> make_nats(bool persist) { return std::make_unique<Nats>(persist); }

}  // namespace hub::bench
