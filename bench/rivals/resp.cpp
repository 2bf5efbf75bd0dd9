#include "bench/rivals/resp.hpp"

#include <array>
#include <charconv>
#include <iterator>

#include <fmt/format.h>

#include "bench/load/measure.hpp"
#include "bench/rivals/dialect.hpp"

namespace hub::bench {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr int kMaxDepth = 8;

long long number_of(std::string_view digits) {
  long long out = 0;
  const char* end = digits.data() + digits.size();
  if (std::from_chars(digits.data(), end, out).ptr != end || digits.empty()) {
    throw Failure("redis-server sends a number that is none: " + std::string(digits));
  }
  return out;
}

class Redis final : public Dialect {
 public:
  explicit Redis(bool persist) : persist_(persist) {}

  void greet(std::size_t, std::string& out) override { resp_command({"PING"}, out); }
  void subscribe(std::string_view topic, std::string& out) override {
    resp_command({"SUBSCRIBE", topic}, out);
  }
  void publish(std::size_t connection, std::string_view topic, std::string_view text,
               std::string& out) override {
    if (!persist_) return resp_command({"PUBLISH", topic, text}, out);
    resp_command({"XADD", fmt::format("s:{}", connection), "*", "t", text}, out);
  }
  bool confirms() const override { return true; }

  std::optional<Frame> read(std::string_view bytes) const override {
    Frame out;
    std::size_t seen = 0;
    const auto size = resp_walk(bytes, [&](const RespValue& value) {
      const std::size_t index = seen++;
      if (value.type == '-') throw Failure("redis-server says " + std::string(value.text));
      if (index == 0) {
        const bool is_pong = value.type == '+' && value.text == "PONG";
        const bool is_taken = value.type == ':' || value.type == '$';  // PUBLISH, XADD
        out.kind = is_pong    ? Frame::Kind::kReady
                   : is_taken ? Frame::Kind::kPublished
                              : Frame::Kind::kOther;
      }
      // ["subscribe", topic, count] or ["message", topic, text]
      if (index == 1 && value.text == "subscribe") out.kind = Frame::Kind::kReady;
      if (index == 1 && value.text == "message") out.kind = Frame::Kind::kDelivery;
      if (index == 3) out.payload = value.text;
    });
    if (!size) return std::nullopt;
    out.size = *size;
    return out;
  }

 private:
  const bool persist_;
};

}  // namespace

void resp_command(std::initializer_list<std::string_view> words, std::string& out) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "*{}\r\n", words.size());
  for (const std::string_view word : words) fmt::format_to(to, "${}\r\n{}\r\n", word.size(), word);
}

std::optional<std::size_t> resp_walk(std::string_view bytes,
                                     const std::function<void(const RespValue&)>& visit) {
  std::array<long long, kMaxDepth> left{1};  // values still to come, by depth
  int depth = 0;
  std::size_t at = 0;
  while (depth >= 0) {
    if (left[static_cast<std::size_t>(depth)] == 0) {
      --depth;
      continue;
    }
    --left[static_cast<std::size_t>(depth)];
    const std::size_t end = bytes.find(kLineEnd, at);
    if (end == std::string_view::npos) return std::nullopt;
    RespValue value;
    value.type = bytes[at];
    value.depth = depth;
    value.text = bytes.substr(at + 1, end - at - 1);
    at = end + kLineEnd.size();
    if (value.type == ':' || value.type == '$' || value.type == '*') {
      value.number = number_of(value.text);
    } else if (value.type != '+' && value.type != '-') {
      throw Failure("redis-server sends something that is no reply");
    }
    if (value.type == '$') {
      const std::size_t length = value.number > 0 ? static_cast<std::size_t>(value.number) : 0;
      const std::size_t next = value.number < 0 ? at : at + length + kLineEnd.size();
      if (bytes.size() < next) return std::nullopt;
      value.text = bytes.substr(at, length);
      at = next;
    }
    visit(value);
    if (value.type != '*' || value.number <= 0) continue;
    if (++depth == kMaxDepth) throw Failure("redis-server sends arrays inside arrays without end");
    left[static_cast<std::size_t>(depth)] = value.number;
  }
  return at;
}

std::unique_ptr<Dialect> make_redis(bool persist) { return std::make_unique<Redis>(persist); }

}  // namespace hub::bench
