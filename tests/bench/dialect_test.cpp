// The rivals' protocols, as far as the load program speaks them: bytes as the standards have them,
// frames found in pieces.
#include "bench/rivals/dialect.hpp"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "bench/load/measure.hpp"
#include "bench/rivals/mqtt.hpp"
#include "bench/rivals/resp.hpp"

namespace hub::bench {
namespace {

using Kind = Frame::Kind;
using namespace std::string_literals;

/// No beginning of a frame is a frame, and what stands behind it is not in it.
void check_is_one_frame(const Dialect& dialect, const std::string& bytes, Kind kind) {
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK(!dialect.read(std::string_view(bytes).substr(0, size)));
  }
  const auto frame = dialect.read(bytes + "+more\r\n");
  REQUIRE(frame);
  CHECK(frame->size == bytes.size());
  CHECK(frame->kind == kind);
}

}  // namespace

TEST_CASE("MQTT: packets are written as the standard has them") {
  std::string out;
  mqtt_connect({"ab", false, 20}, out);
  CHECK(out == "\x10\x0E\x00\x04MQTT\x04\x00\x00\x14\x00\x02"s + "ab");
  out.clear();
  mqtt_subscribe("t", 1, out);
  CHECK(out == "\x82\x06\x00\x01\x00\x01t\x01"s);
  out.clear();
  mqtt_publish("t", "hi", 0, out);
  CHECK(out == "\x30\x05\x00\x01thi"s);
  out.clear();
  mqtt_publish("t", std::string(200, 'x'), 0x1234, out);
  CHECK(out.substr(0, 8) == "\x32\xCD\x01\x00\x01t\x12\x34"s);  // the length takes two bytes
  CHECK(mqtt_read(out)->size == out.size());
}

TEST_CASE("MQTT: a delivery is read and acknowledged by its ID") {
  const auto mqtt = make_mqtt(1);
  std::string delivery;
  mqtt_publish("feed", "text", 0x0102, delivery);
  check_is_one_frame(*mqtt, delivery, Kind::kDelivery);
  const auto frame = mqtt->read(delivery);
  CHECK(frame->payload == "text");
  std::string answer;
  mqtt->answer(*frame, answer);
  CHECK(answer == "\x40\x02\x01\x02"s);

  delivery.clear();
  mqtt_publish("feed", "text", 0, delivery);  // QoS 0
  answer.clear();
  mqtt->answer(*mqtt->read(delivery), answer);
  CHECK(answer.empty());
}

TEST_CASE("MQTT: what the broker says of connections, subscriptions and posts") {
  const auto mqtt = make_mqtt(1);
  check_is_one_frame(*mqtt, "\x20\x02\x00\x00"s, Kind::kReady);
  check_is_one_frame(*mqtt, "\x90\x03\x00\x01\x01"s, Kind::kReady);
  check_is_one_frame(*mqtt, "\x40\x02\x00\x01"s, Kind::kPublished);
  CHECK_THROWS_AS(mqtt->read("\x20\x02\x00\x05"s), Failure);
  CHECK_THROWS_AS(mqtt->read("\x90\x03\x00\x01\x80"s), Failure);
  CHECK_THROWS_AS(mqtt->read("\x30\xFF\xFF\xFF\xFF\x01"s), Failure);
}

TEST_CASE("NATS: lines and messages") {
  const auto nats = make_nats(false);
  check_is_one_frame(*nats, "INFO {}\r\n", Kind::kOther);
  check_is_one_frame(*nats, "PONG\r\n", Kind::kReady);
  check_is_one_frame(*nats, "PING\r\n", Kind::kPing);
  check_is_one_frame(*nats, "MSG feed 1 4\r\nte\r\n\r\n", Kind::kDelivery);
  CHECK(nats->read("MSG feed 1 reply 4\r\ntext\r\n")->payload == "text");
  CHECK_THROWS_AS(nats->read("-ERR 'no'\r\n"), Failure);
  std::string out;
  nats->publish(0, "feed", "text", out);
  CHECK(out == "PUB feed 4\r\ntext\r\n");
}

TEST_CASE("JetStream: confirmations are no deliveries, refusals no confirmations") {
  const auto jetstream = make_nats(true);
  std::string out;
  jetstream->publish(3, "posts", "text", out);
  CHECK(out == "PUB posts inbox.3 4\r\ntext\r\n");
  check_is_one_frame(*jetstream, "MSG inbox.3 9 2\r\n{}\r\n", Kind::kPublished);
  CHECK_THROWS_AS(jetstream->read("MSG inbox.3 9 12\r\n{\"error\":{}}\r\n"), Failure);
}

TEST_CASE("Redis: what a reply is about") {
  const auto redis = make_redis(false);
  check_is_one_frame(*redis, "+PONG\r\n", Kind::kReady);
  check_is_one_frame(*redis, ":1000\r\n", Kind::kPublished);
  check_is_one_frame(*redis, "*3\r\n$9\r\nsubscribe\r\n$4\r\nfeed\r\n:1\r\n", Kind::kReady);
  const std::string delivery = "*3\r\n$7\r\nmessage\r\n$4\r\nfeed\r\n$6\r\ntext\r\n\r\n";
  check_is_one_frame(*redis, delivery, Kind::kDelivery);
  CHECK(redis->read(delivery)->payload == "text\r\n");
  CHECK_THROWS_AS(redis->read("-ERR no\r\n"), Failure);
  std::string out;
  redis->publish(0, "feed", "text", out);
  CHECK(out == "*3\r\n$7\r\nPUBLISH\r\n$4\r\nfeed\r\n$4\r\ntext\r\n");
}

TEST_CASE("RESP: arrays in arrays are walked from outside to inside") {
  const std::string reply = "*2\r\n*2\r\n$3\r\n5-0\r\n*2\r\n$1\r\nt\r\n$0\r\n\r\n*0\r\n";
  std::vector<std::string> seen;
  const auto size = resp_walk(reply + ":1\r\n", [&](const RespValue& value) {
    seen.push_back(std::to_string(value.depth) + value.type + std::string(value.text));
  });
  CHECK(size == reply.size());
  CHECK(seen == std::vector<std::string>{"0*2", "1*2", "2$5-0", "2*2", "3$t", "3$", "1*0"});
  CHECK(resp_walk("$-1\r\n", [](const RespValue&) {}) == 5);
  CHECK_THROWS_AS(resp_walk("nonsense\r\n", [](const RespValue&) {}), Failure);
  std::string deep;
  for (int i = 0; i < 20; ++i) deep += "*1\r\n";
  CHECK_THROWS_AS(resp_walk(deep, [](const RespValue&) {}), Failure);
}

}  // namespace hub::bench
