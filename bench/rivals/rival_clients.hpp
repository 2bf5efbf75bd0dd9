// Clients of a rival's server: connections that speak its protocol.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "bench/rivals/connections.hpp"
#include "bench/rivals/dialect.hpp"
#include "bench/rivals/rival_server.hpp"

namespace hub::bench {

class RivalClients {
 public:
  RivalClients(const Rival& rival, const Endpoint& server)
      : dialect_(make_dialect(rival)), connections_(server) {}

  /// Opens so many more, some at a time, and waits until the server has greeted each; subscribed to
  /// the topic where there is one. Returns the index of the first. Throws Failure.
  std::size_t open(std::size_t count, std::string_view topic = {});
  std::size_t size() const { return connections_.size(); }

  void publish(std::size_t client, std::string_view topic, std::string_view text) {
    dialect_->publish(client, topic, text, connections_.out(client));
  }
  /// Deliveries come with an acknowledgement where the protocol has one: it is sent by itself.
  using Visitor = std::function<void(std::size_t, const Frame&, TimePoint)>;
  std::size_t receive(Duration patience, const Visitor& visit);
  void rest_for(Duration time);

  bool confirms() const { return dialect_->confirms(); }
  /// For what no dialect knows.
  Connections& connections() { return connections_; }

 private:
  void await_ready(std::size_t count);

  std::unique_ptr<Dialect> dialect_;
  Connections connections_;
};

}  // namespace hub::bench
