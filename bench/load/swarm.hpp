// Many sessions over a few sockets, or each over its own, from one thread. One interface, two
// framings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/epoll.h>

#include "bench/load/hub_process.hpp"
#include "bench/load/link.hpp"
#include "protocol/message.hpp"
#include "protocol/types.hpp"

namespace hub::bench {

/// A message of the hub's to one session.
struct Arrived {
  Opcode opcode = Opcode::kSessionReset;
  MessageId id = 0;          // classic: the low 32 bits
  std::string_view payload;  // until the visitor returns; classic: with the NUL behind it
};

class Swarm {
 public:
  /// Called with a session's index, a message for it and the time its batch was received.
  using Visitor = std::function<void(std::size_t, const Arrived&, TimePoint)>;

  virtual ~Swarm() = default;
  Swarm(const Swarm&) = delete;
  Swarm& operator=(const Swarm&) = delete;

  /// Logs these accounts in, some at a time; their sessions get the next indices, in order. Throws
  /// Failure where the hub refuses one or does not answer.
  virtual void login(const std::vector<std::string>& ids, const std::string& password) = 0;
  virtual std::size_t size() const = 0;

  /// Queued until the next receive() or flush(). A sealed forward ack is a mark: it travels with
  /// the acknowledgement of the datagrams, which the channel sends by its own rules.
  virtual void send(std::size_t session, Opcode opcode, std::string_view payload = {},
                    MessageId id = 0) = 0;
  void flush();

  /// Sends what is queued, then waits for datagrams and hands over what has come on all sockets;
  /// what `visit` queues is sent after each batch. Returns how many came, 0 after `patience`, or
  /// earlier where the sessions' own timers had something to do.
  std::size_t receive(Duration patience, const Visitor& visit);
  /// Lets the sessions do what they do by themselves, acknowledgements above all.
  void rest_for(Duration time);

  /// Datagrams that fit no session.
  std::uint64_t strays() const { return strays_; }

 protected:
  Swarm(const Endpoint& hub, std::size_t links);

  /// Waits until some link has something, and returns those that have.
  std::span<Link* const> readable(Duration patience);
  virtual void handle(Bytes bytes, TimePoint at, const Visitor& visit) = 0;
  /// Puts what the sessions have to send into their links.
  virtual void collect(TimePoint) {}
  virtual std::optional<TimePoint> next_timeout() const { return std::nullopt; }
  virtual void on_timeout(TimePoint) {}

  LinkBatch batch_;
  std::vector<std::unique_ptr<Link>> links_;
  std::uint64_t strays_ = 0;

 private:
  Descriptor epoll_;
  std::vector<epoll_event> events_;
  std::vector<Link*> readable_;
};

std::unique_ptr<Swarm> make_swarm(Framing framing, const HubProcess& hub, std::size_t links);

}  // namespace hub::bench
