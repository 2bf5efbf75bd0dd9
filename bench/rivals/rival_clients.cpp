#include "bench/rivals/rival_clients.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kAtATime = 32;  // below what any of them lets wait to be accepted
constexpr auto kPatience = 20s;

}  // namespace

std::size_t RivalClients::open(std::size_t count, std::string_view topic) {
  const std::size_t first = size();
  while (size() < first + count) {
    const std::size_t begin = size();
    const std::size_t end = std::min(begin + kAtATime, first + count);
    for (std::size_t client = begin; client < end; ++client) {
      connections_.open();
      dialect_->greet(client, connections_.out(client));
    }
    await_ready(end - begin);
    if (topic.empty()) continue;
    for (std::size_t client = begin; client < end; ++client) {
      dialect_->subscribe(topic, connections_.out(client));
    }
    await_ready(end - begin);
  }
  return first;
}

void RivalClients::await_ready(std::size_t count) {
  const TimePoint end = std::chrono::steady_clock::now() + kPatience;
  while (count > 0) {
    receive(100ms, [&](std::size_t, const Frame& frame, TimePoint) {
      if (frame.kind == Frame::Kind::kReady) --count;
    });
    if (std::chrono::steady_clock::now() > end) {
      throw Failure(fmt::format("the server does not answer {} of {} connections", count, size()));
    }
  }
}

std::size_t RivalClients::receive(Duration patience, const Visitor& visit) {
  return connections_.receive(
      patience, [&](std::size_t client, std::string_view bytes, TimePoint at) {
        std::size_t used = 0;
        while (const auto frame = dialect_->read(bytes.substr(used))) {
          used += frame->size;
          visit(client, *frame, at);
          if (frame->kind == Frame::Kind::kDelivery || frame->kind == Frame::Kind::kPing) {
            dialect_->answer(*frame, connections_.out(client));
          }
        }
        return used;
      });
}

void RivalClients::rest_for(Duration time) {
  const TimePoint end = std::chrono::steady_clock::now() + time;
  for (TimePoint now = end - time; now < end; now = std::chrono::steady_clock::now()) {
    receive(end - now, [](std::size_t, const Frame&, TimePoint) {});
  }
}

}  // namespace hub::bench
