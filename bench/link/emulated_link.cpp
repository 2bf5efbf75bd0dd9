#include "bench/link/emulated_link.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench/load/socket_address.hpp"

namespace hub::bench {

namespace {

constexpr Ip4 kClient = 0x0A580002;        // 10.88.0.2
constexpr Ip4 kFirstMapping = 0x0A580101;  // 10.88.1.1
constexpr std::size_t kMostPacketBytes = 2048;
constexpr std::size_t kMostSamples = 1'000'000;

NotHere cannot(const char* what) {
  return NotHere(fmt::format("no link can be emulated here ({}: {})", what, std::strerror(errno)));
}

void set(int fd, ifreq& request, unsigned long what, const IpAddress& ip, const char* name) {
  const sockaddr_in address = socket_address({ip});
  std::memcpy(&request.ifr_addr, &address, sizeof address);
  if (::ioctl(fd, what, &request) != 0) throw cannot(name);
}

/// An interface in that namespace whose packets we read and write. 10.88/16 is behind it.
Descriptor open_tun(const NetworkNamespace& where, const IpAddress& address) {
  const NetworkNamespace::Inside inside(where);
  Descriptor tun(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!tun) throw cannot("/dev/net/tun");
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (::ioctl(tun.get(), TUNSETIFF, &request) != 0) throw cannot("TUNSETIFF");

  const Descriptor any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  set(any.get(), request, SIOCSIFADDR, address, "SIOCSIFADDR");
  set(any.get(), request, SIOCSIFNETMASK, IpAddress::v4(255, 255, 0, 0), "SIOCSIFNETMASK");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(any.get(), SIOCSIFFLAGS, &request) != 0) throw cannot("SIOCSIFFLAGS");
  return tun;
}

timespec until(TimePoint due) {
  const Duration left = due - std::chrono::steady_clock::now();
  const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
  if (nanoseconds <= 0) return {0, 0};
  return {nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
}

}  // namespace

EmulatedLink::EmulatedLink(const LinkConfig& config)
    : server_end_(open_tun(server_, server_address())),
      client_end_(open_tun(client_, IpAddress::v4(10, 88, 0, 2))),
      wake_(::eventfd(0, EFD_CLOEXEC)),
      model_(config),
      nat_(kClient, kFirstMapping),
      lateness_(kMostSamples),
      thread_([this] { carry(); }) {}

EmulatedLink::~EmulatedLink() {
  eventfd_write(wake_.get(), 1);
  thread_.join();
}

void EmulatedLink::change_mapping() {
  const std::lock_guard lock(mutex_);
  nat_.change_mapping();
}

EmulatedLink::Figures EmulatedLink::figures() {
  const std::lock_guard lock(mutex_);
  const auto all = static_cast<double>(model_.passed() + model_.lost());
  return {all > 0 ? static_cast<double>(model_.lost()) / all : 0, lateness_.percentile_us(0.99)};
}

void EmulatedLink::carry() {
  prctl(PR_SET_TIMERSLACK, 1);  // ns: wake up on time
  std::array<pollfd, 3> waiting{
      {{wake_.get(), POLLIN, 0}, {client_end_.get(), POLLIN, 0}, {server_end_.get(), POLLIN, 0}}};
  for (;;) {
    const auto next = model_.next_timeout();
    const timespec left = next ? until(*next) : timespec{};
    ::ppoll(waiting.data(), waiting.size(), next ? &left : nullptr, nullptr);
    if (waiting[0].revents != 0) return;
    const std::lock_guard lock(mutex_);
    take(Direction::kToServer);
    take(Direction::kToClient);
    const TimePoint now = std::chrono::steady_clock::now();
    deliver(Direction::kToServer, now);
    deliver(Direction::kToClient, now);
  }
}

/// A packet is translated where it enters, except by a mapping that changes while it is on its way
/// back: that is lost as it would be behind a real NAT, so replies are translated where they leave.
void EmulatedLink::take(Direction direction) {
  const Descriptor& from = direction == Direction::kToServer ? client_end_ : server_end_;
  std::array<std::uint8_t, kMostPacketBytes> packet;
  for (;;) {
    const ssize_t count = ::read(from.get(), packet.data(), packet.size());
    if (count <= 0) return;
    const std::span<std::uint8_t> bytes(packet.data(), static_cast<std::size_t>(count));
    if (bytes[0] >> 4 != 4) continue;  // an interface's own IPv6 business
    if (direction == Direction::kToServer && !nat_.translate(direction, bytes)) continue;
    model_.push(direction, bytes, std::chrono::steady_clock::now());
  }
}

void EmulatedLink::deliver(Direction direction, TimePoint now) {
  const Descriptor& to = direction == Direction::kToServer ? server_end_ : client_end_;
  while (auto packet = model_.pop(direction, now)) {
    if (direction == Direction::kToClient && !nat_.translate(direction, packet->bytes)) continue;
    lateness_.add(std::chrono::steady_clock::now() - packet->due);
    // What the interface does not take is lost, as on any link.
    [[maybe_unused]] const ssize_t count =
        ::write(to.get(), packet->bytes.data(), packet->bytes.size());
  }
}

}  // namespace hub::bench
