// The packets of MQTT 3.1.1 that the scenarios need. Each function appends one to `out`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bench/rivals/dialect.hpp"

namespace hub::bench {

struct MqttSession {
  std::string client_id;
  bool is_clean = true;  // else the broker keeps what comes while the client is away
  std::uint16_t keep_alive_seconds = 0;  // 0: never
};

void mqtt_connect(const MqttSession& session, std::string& out);
void mqtt_subscribe(std::string_view topic, int qos, std::string& out);
/// `id` not 0: QoS 1.
void mqtt_publish(std::string_view topic, std::string_view text, std::uint16_t id,
                  std::string& out);
void mqtt_acknowledge(std::uint16_t id, std::string& out);
void mqtt_ping(std::string& out);

/// As Dialect::read().
std::optional<Frame> mqtt_read(std::string_view bytes);

}  // namespace hub::bench
