#include "bench/rivals/mqtt.hpp"

#include <fmt/format.h>

#include "bench/load/measure.hpp"

namespace hub::bench {

namespace {

// Control packet types, in the upper four bits of the first byte (section 2.2.1).
constexpr std::uint8_t kConnectAck = 2;
constexpr std::uint8_t kPublish = 3;
constexpr std::uint8_t kPublishAck = 4;
constexpr std::uint8_t kSubscribeAck = 9;

void put_u16(std::size_t value, std::string& out) {
  out += static_cast<char>(value >> 8 & 0xFF);
  out += static_cast<char>(value & 0xFF);
}

void put_string(std::string_view text, std::string& out) {
  put_u16(text.size(), out);
  out += text;
}

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

std::uint16_t u16_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

/// First byte and remaining length, seven bits a byte, the least first (section 2.2.3).
void put_header(int first, std::size_t remaining, std::string& out) {
  out += static_cast<char>(first);
  do {
    const std::size_t low = remaining & 0x7F;
    remaining >>= 7;
    out += static_cast<char>(low | (remaining > 0 ? 0x80 : 0));
  } while (remaining > 0);
}

Frame publish_frame(std::uint8_t first, std::string_view body) {
  Frame out;
  out.kind = Frame::Kind::kDelivery;
  if (body.size() < 4) throw Failure("the broker sends a malformed PUBLISH");
  std::size_t at = std::size_t{2} + u16_at(body, 0);
  if ((first & 0x06) != 0) {
    if (body.size() < at + 2) throw Failure("the broker sends a malformed PUBLISH");
    out.packet_id = u16_at(body, at);
    at += 2;
  }
  out.payload = body.substr(at);
  return out;
}

class Mqtt final : public Dialect {
 public:
  explicit Mqtt(int qos) : qos_(qos) {}

  void greet(std::size_t connection, std::string& out) override {
    mqtt_connect({fmt::format("bench{}", connection), true, 0}, out);
  }
  void subscribe(std::string_view topic, std::string& out) override {
    mqtt_subscribe(topic, qos_, out);
  }
  void publish(std::size_t, std::string_view topic, std::string_view text,
               std::string& out) override {
    mqtt_publish(topic, text, qos_ > 0 ? next_id() : 0, out);
  }
  void answer(const Frame& frame, std::string& out) override {
    if (frame.kind == Frame::Kind::kDelivery && frame.packet_id != 0) {
      mqtt_acknowledge(frame.packet_id, out);
    }
  }
  bool confirms() const override { return qos_ > 0; }
  std::optional<Frame> read(std::string_view bytes) const override { return mqtt_read(bytes); }

 private:
  std::uint16_t next_id() { return ++id_ == 0 ? ++id_ : id_; }

  const int qos_;
  std::uint16_t id_ = 0;
};

}  // namespace

void mqtt_connect(const MqttSession& session, std::string& out) {
  put_header(0x10, 12 + session.client_id.size(), out);
  put_string("MQTT", out);
  out += '\x04';  // the protocol's level: 3.1.1
  out += session.is_clean ? '\x02' : '\x00';
  put_u16(session.keep_alive_seconds, out);
  put_string(session.client_id, out);
}

void mqtt_subscribe(std::string_view topic, int qos, std::string& out) {
  put_header(0x82, 5 + topic.size(), out);
  put_u16(1, out);
  put_string(topic, out);
  out += static_cast<char>(qos);
}

void mqtt_publish(std::string_view topic, std::string_view text, std::uint16_t id,
                  std::string& out) {
  put_header(id != 0 ? 0x32 : 0x30, 2 + topic.size() + (id != 0 ? 2 : 0) + text.size(), out);
  put_string(topic, out);
  if (id != 0) put_u16(id, out);
  out += text;
}

void mqtt_acknowledge(std::uint16_t id, std::string& out) {
  put_header(0x40, 2, out);
  put_u16(id, out);
}

void mqtt_ping(std::string& out) { put_header(0xC0, 0, out); }

std::optional<Frame> mqtt_read(std::string_view bytes) {
  std::size_t remaining = 0;
  std::size_t at = 1;
  for (int shift = 0;; shift += 7) {
    if (at >= bytes.size()) return std::nullopt;
    if (shift > 21) throw Failure("the broker sends a length that is none");
    const std::uint8_t part = byte_at(bytes, at++);
    remaining |= static_cast<std::size_t>(part & 0x7F) << shift;
    if ((part & 0x80) == 0) break;
  }
  if (bytes.size() < at + remaining) return std::nullopt;
  const std::uint8_t first = byte_at(bytes, 0);
  const std::string_view body = bytes.substr(at, remaining);
  Frame out;
  switch (first >> 4) {
    case kPublish:
      out = publish_frame(first, body);
      break;
    case kPublishAck:
      out.kind = Frame::Kind::kPublished;
      break;
    case kConnectAck:
      if (body.size() != 2 || body[1] != 0) throw Failure("the broker refuses a connection");
      out.kind = Frame::Kind::kReady;
      break;
    case kSubscribeAck:
      if (body.size() != 3 || byte_at(body, 2) > 2) {
        throw Failure("the broker refuses a subscription");
      }
      out.kind = Frame::Kind::kReady;
      break;
    default:
      break;
  }
  out.size = at + remaining;
  return out;
}

std::unique_ptr<Dialect> make_mqtt(int qos) { return std::make_unique<Mqtt>(qos); }

}  // namespace hub::bench
