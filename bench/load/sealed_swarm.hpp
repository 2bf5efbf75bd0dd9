// Sealed sessions, made of the project's own protocol: handshake, connection, channel, login. They
// acknowledge as any client does: every second datagram at once, else within the ack delay. Told
// apart by the connection ID in each datagram.
#pragma once

#include <queue>
#include <unordered_map>
#include <utility>

#include "bench/load/swarm.hpp"
#include "protocol/device.hpp"
#include "protocol/random.hpp"
#include "protocol/sealed/connection.hpp"

namespace hub::bench {

class SealedSwarm final : public Swarm {
 public:
  SealedSwarm(const Endpoint& hub, const Key& server_key, std::size_t links)
      : Swarm(hub, links), server_key_(server_key) {}

  void login(const std::vector<std::string>& ids, const std::string& password) override;
  /// These accounts' devices come back, without a password, as login() logs in.
  struct Device {
    DeviceId id{};
    Key secret{};
  };
  void resume(const std::vector<std::string>& ids, const std::vector<Device>& devices);
  /// By session.
  const std::vector<Device>& devices() const { return devices_; }
  std::size_t size() const override { return sessions_.size(); }
  void send(std::size_t session, Opcode opcode, std::string_view payload, MessageId id) override;

 private:
  struct Session {
    std::size_t link = 0;
    std::unique_ptr<sealed::Connection> connection;
    bool is_touched = false;
    std::optional<TimePoint> armed;  // its earliest entry in deadlines_
  };
  class Logins;
  class LoginUnderWay;
  using Deadline = std::pair<TimePoint, std::size_t>;  // and the session

  void handle(Bytes bytes, TimePoint at, const Visitor& visit) override;
  void collect(TimePoint now) override;
  std::optional<TimePoint> next_timeout() const override;
  void on_timeout(TimePoint now) override;

  void touch(std::size_t session);
  void add(std::size_t session, std::size_t link, std::unique_ptr<sealed::Connection> connection);

  SystemRandom random_;
  const Key server_key_;
  std::vector<Session> sessions_;
  std::vector<Device> devices_;  // of each session
  std::unordered_map<sealed::ConnectionId, std::size_t> by_id_;
  std::vector<std::size_t> touched_;
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> deadlines_;
};

}  // namespace hub::bench
