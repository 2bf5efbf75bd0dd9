// A sealed peer that a test leads by the hand: the real handshake, connection and login, and
// whatever messages it is told to send, at the wrong time too. It acknowledges what arrives; it
// reads it (and so opens its windows) unless told not to.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/core/login_exchange.hpp"
#include "protocol/sealed/connection.hpp"
#include "protocol/sealed/initiator.hpp"
#include "tests/support/sim_net.hpp"

namespace hub::test {

class SealedPeer {
 public:
  SealedPeer(SimNet& net, const Endpoint& at, const Endpoint& hub, const Key& hub_key,
             std::uint64_t seed = 1);
  ~SealedPeer();
  SealedPeer(const SealedPeer&) = delete;
  SealedPeer& operator=(const SealedPeer&) = delete;

  struct Message {
    Opcode opcode{};
    MessageId id = 0;
    std::string payload;
  };

  /// Shakes hands and proves the keys with a ping. False where that takes longer than `limit`.
  bool connect(Duration limit = std::chrono::seconds(10));
  /// Then logs in. False where it is refused, or takes too long.
  bool log_in(const std::string& name, const std::string& password,
              std::optional<MessageId> mark = std::nullopt,
              Duration limit = std::chrono::seconds(30));
  /// False where the channel has no room.
  bool send(Opcode opcode, std::string_view payload = {}, MessageId id = 0);
  void ping();
  void mark(MessageId id);
  /// From now on it acknowledges, and reads nothing.
  void stop_reading() { reading_ = false; }
  /// Runs until a message of this opcode has come (so often).
  bool gets(Opcode opcode, std::size_t times = 1, Duration limit = std::chrono::seconds(30));

  std::size_t count(Opcode opcode) const;
  const std::vector<Message>& received() const { return received_; }
  std::optional<LoginRefusal> refusal() const { return refusal_; }
  /// Why the hub closed the connection.
  std::optional<sealed::CloseReason> closed() const { return closed_; }
  bool was_reset() const { return was_reset_; }
  bool is_connected() const { return connection_ != nullptr; }
  sealed::Connection& connection() { return *connection_; }
  const Endpoint& endpoint() const { return at_; }
  /// From now on it is seen as this; what goes to the old address is lost.
  void rebind(const Endpoint& at);

  /// Sees each datagram it sends; where it says false, the network does not get it.
  std::function<bool(Bytes)> on_send;
  std::function<void(Bytes)> on_receive;

 private:
  void attach();
  void on_datagram(Bytes datagram);
  void on_messages();
  void follow(const client::LoginExchange::Step& step);
  void pump();
  void arm();

  SimNet& net_;
  Endpoint at_;
  Endpoint hub_;
  Key hub_key_;
  SeededRandom random_;
  std::optional<sealed::Initiator> initiator_;
  std::unique_ptr<sealed::Connection> connection_;
  client::LoginExchange login_;
  bool reading_ = true;
  bool logged_in_ = false;
  bool was_reset_ = false;
  std::optional<LoginRefusal> refusal_;
  std::optional<sealed::CloseReason> closed_;
  std::vector<Message> received_;
  std::optional<TimePoint> armed_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace hub::test
