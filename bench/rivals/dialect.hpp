// How to talk to a rival: what is written to publish and to subscribe, and what its answers mean.
// Bytes in and out; no socket. No more of each protocol than the load program needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hub::bench {

/// One message of the server's.
struct Frame {
  enum class Kind {
    kOther,
    kReady,      // a connection or a subscription stands
    kDelivery,   // of a post, to a subscriber
    kPublished,  // a post was taken, as its author is told
    kPing,       // to be answered
  };
  Kind kind = Kind::kOther;
  std::size_t size = 0;         // bytes of the whole frame
  std::string_view payload;     // of a delivery; into the bytes read
  std::uint16_t packet_id = 0;  // MQTT, QoS 1
};

class Dialect {
 public:
  virtual ~Dialect() = default;

  // Each appends to `out`. After greet() and after subscribe() comes one kReady.
  virtual void greet(std::size_t connection, std::string& out) = 0;
  virtual void subscribe(std::string_view topic, std::string& out) = 0;
  virtual void publish(std::size_t connection, std::string_view topic, std::string_view text,
                       std::string& out) = 0;
  /// What the server wants to hear about a delivery or a ping.
  virtual void answer(const Frame&, std::string&) {}
  /// An author is told that its post was taken: kPublished.
  virtual bool confirms() const = 0;

  /// The first frame in `bytes`; nothing while it is incomplete. Throws Failure where the server
  /// says no, or something that is not its protocol.
  virtual std::optional<Frame> read(std::string_view bytes) const = 0;
};

/// MQTT 3.1.1 (OASIS standard, 29 October 2014), clean sessions.
std::unique_ptr<Dialect> make_mqtt(int qos);
/// The text protocol of NATS. With `persist`, posts go to a JetStream stream, which confirms them.
std::unique_ptr<Dialect> make_nats(bool persist);
/// RESP2: PUBLISH and SUBSCRIBE. With `persist`, posts go to a stream: XADD.
std::unique_ptr<Dialect> make_redis(bool persist);

}  // namespace hub::bench
