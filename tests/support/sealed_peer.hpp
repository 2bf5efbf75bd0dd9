// A sealed peer that a test leads by the hand: the real handshake and connection, the login and the
// resume as the protocol says them, and whatever messages it is told to send, at the wrong time
// too. It acknowledges what arrives; it reads it (and so opens its windows) unless told not to. It
// shares no code with spoke.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/sealed/connection.hpp"
#include "protocol/sealed/initiator.hpp"
#include "protocol/sealed/message.hpp"
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
    TimePoint at{};
  };
  /// What a client keeps in its files.
  struct Device {
    DeviceId id{};
    Key secret{};
    std::uint64_t history = 0;  // that the last login ok named
  };
  /// Each peer is made a device of its own; one that is given another's is a copy of it.
  Device device;

  /// Shakes hands and proves the keys with a ping. False where that takes longer than `limit`.
  bool connect(Duration limit = std::chrono::seconds(10));
  /// Then logs in. False where it is refused, or takes too long.
  bool log_in(const std::string& name, const std::string& password,
              std::optional<MessageId> mark = std::nullopt,
              Duration limit = std::chrono::seconds(30));
  /// Likewise, as a device that logged in before.
  bool resume(const std::string& name, std::optional<MessageId> mark = std::nullopt,
              Duration limit = std::chrono::seconds(30));
  /// A new handshake, and a resume with its first datagram, as it is on the way back; returns at
  /// once.
  void come_back(const std::string& name, std::optional<MessageId> mark = std::nullopt);
  /// From now on it shows each forward and marks it; and where it meets a reset it comes back as
  /// `name` with that mark, and again 5 s after a hub that had no room.
  void live_as(const std::string& name);

  /// False where the channel has no room.
  bool send(Opcode opcode, std::string_view payload = {}, MessageId id = 0);
  void ping();
  void mark(MessageId id);
  /// What a resume says on the present connection; its answer will be checked.
  std::string resume_payload(const std::string& name, std::optional<MessageId> mark = std::nullopt);
  /// From now on it acknowledges, and reads nothing; or reads again.
  void stop_reading() { reading_ = false; }
  void go_on_reading();
  /// Runs until a message of this opcode has come (so often).
  bool gets(Opcode opcode, std::size_t times = 1, Duration limit = std::chrono::seconds(30));

  std::size_t count(Opcode opcode) const;
  const std::vector<Message>& received() const { return received_; }
  /// The texts of all forwards, in the order in which they came.
  std::vector<std::string> forwards() const;
  MessageId newest_forward() const;
  /// Of the last login or resume: what it came to, while it succeeded.
  const std::optional<sealed::LoginOk>& login_ok() const { return login_ok_; }
  bool is_online() const { return connection_ != nullptr && login_ok_.has_value(); }
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
  std::function<void(const Message&)> on_message;

 private:
  void attach();
  void begin();
  void on_datagram(Bytes datagram);
  void on_messages();
  void on_challenge(std::string_view payload);
  void on_login_ok(std::string_view payload);
  void on_login_failed(std::string_view payload);
  bool await_login(Duration limit);
  sealed::Mark mark_of(std::optional<MessageId> mark) const;
  void say(Opcode opcode, const std::string& payload);
  void pump();
  void arm();

  SimNet& net_;
  Endpoint at_;
  Endpoint hub_;
  Key hub_key_;
  SeededRandom random_;
  std::optional<sealed::Initiator> initiator_;
  std::unique_ptr<sealed::Connection> connection_;
  std::string name_;      // of the login under way or of the last one
  std::string password_;  // empty: it resumes
  std::optional<MessageId> presented_;
  LoginTranscript transcript_;
  Key wanted_signature_{};
  bool resumes_at_once_ = false;  // with the first datagram of the next connection
  bool lives_ = false;
  MessageId shown_ = 0;
  bool reading_ = true;
  bool was_reset_ = false;
  std::optional<sealed::LoginOk> login_ok_;
  std::optional<LoginRefusal> refusal_;
  std::optional<sealed::CloseReason> closed_;
  std::vector<Message> received_;
  std::optional<TimePoint> armed_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace hub::test
