// The last words to connections that the hub has ended for good. Their close datagram may be lost,
// and a client that hears only a stateless reset would come back by itself. So it is kept for a
// while and sent again, byte for byte, to who still speaks to the connection. Bounded: the oldest
// are forgotten. Owned by the core, on the reactor's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <unordered_map>
#include <vector>

#include "protocol/endpoint.hpp"
#include "protocol/sealed/connection_id.hpp"
#include "protocol/types.hpp"

namespace hub::server {

class Graves {
 public:
  static constexpr std::size_t kMost = 4096;
  /// A client that still believes in its connection speaks every 25 s.
  static constexpr std::chrono::minutes kKept{2};

  struct Grave {
    Path path;  // the last that was proven
    std::vector<std::uint8_t> datagram;
    TimePoint until{};
  };

  void add(sealed::ConnectionId id, Grave grave);
  /// Nothing where there is none, or its time is over.
  const Grave* find(sealed::ConnectionId id, TimePoint now) const;
  std::size_t size() const { return graves_.size(); }

 private:
  std::unordered_map<sealed::ConnectionId, Grave> graves_;
  std::deque<sealed::ConnectionId> oldest_first_;
};

}  // namespace hub::server
