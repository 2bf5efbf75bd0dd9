#include "bench/load/swarm.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "bench/load/classic_swarm.hpp"
#include "bench/load/sealed_swarm.hpp"

namespace hub::bench {

Swarm::Swarm(const Endpoint& hub, std::size_t links)
    : batch_(links),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      events_(std::min<std::size_t>(links, 256)) {
  if (!epoll_) throw Failure(fmt::format("cannot wait for sockets: {}", std::strerror(errno)));
  for (std::size_t i = 0; i < links; ++i) {
    links_.push_back(std::make_unique<Link>(hub, batch_));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = links_.back().get();
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, links_.back()->fd(), &event) != 0) {
      throw Failure(fmt::format("cannot wait for a socket: {}", std::strerror(errno)));
    }
  }
}

void Swarm::flush() {
  collect(std::chrono::steady_clock::now());
  for (const auto& link : links_) link->flush();
}

std::span<Link* const> Swarm::readable(Duration patience) {
  readable_.clear();
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(patience).count();
  const int count = epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                               static_cast<int>(wait));
  for (int i = 0; i < count; ++i) {
    readable_.push_back(static_cast<Link*>(events_[static_cast<std::size_t>(i)].data.ptr));
  }
  return readable_;
}

std::size_t Swarm::receive(Duration patience, const Visitor& visit) {
  flush();
  if (const auto next = next_timeout()) {
    const Duration left = *next - std::chrono::steady_clock::now();
    patience = std::clamp(left, Duration::zero(), std::max(patience, Duration::zero()));
  }
  std::size_t count = 0;
  for (Link* link : readable(patience)) {
    const auto datagrams = link->receive();
    const TimePoint at = std::chrono::steady_clock::now();
    for (const Bytes bytes : datagrams) handle(bytes, at, visit);
    count += datagrams.size();
    collect(at);
    link->flush();
  }
  on_timeout(std::chrono::steady_clock::now());
  flush();
  return count;
}

void Swarm::rest_for(Duration time) {
  const TimePoint end = std::chrono::steady_clock::now() + time;
  for (TimePoint now = end - time; now < end; now = std::chrono::steady_clock::now()) {
    receive(end - now, [](std::size_t, const Arrived&, TimePoint) {});
  }
}

std::unique_ptr<Swarm> make_swarm(Framing framing, const HubProcess& hub, std::size_t links) {
  if (framing == Framing::kClassic) return std::make_unique<ClassicSwarm>(hub.address(), links);
  return std::make_unique<SealedSwarm>(hub.address(), hub.server_key(), links);
}

}  // namespace hub::bench
