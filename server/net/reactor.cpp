#include "server/net/reactor.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <optional>
#include <utility>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "protocol/failpoint.hpp"
#include "protocol/fault.hpp"
#include "server/net/alarm.hpp"
#include "server/net/control_socket.hpp"
#include "server/net/transmitter.hpp"

namespace hub::server {

namespace {

// Datagrams of one socket before the others and the timers have their turn (up to 4,096 more, where
// the kernel puts together what one sender sent in a row), and before the store is handed what they
// brought so far.
constexpr std::size_t kReadPerTurn = 256;
constexpr std::size_t kReadPerHandOver = 32;
constexpr std::chrono::seconds kDrainTime{5};

Now read_clocks() {
  return {std::chrono::steady_clock::now(),
          std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now())};
}

const char* const kReaderFull = "the reader's inbox is full";

ReadResult failed_read(const RetrieveJob& job) {
  return RetrievePage{job.tag, tl::unexpected(store::ReadError{kReaderFull})};
}
ReadResult failed_read(const CatchUpJob& job) {
  return CatchUpRead{job.tag, tl::unexpected(store::ReadError{kReaderFull})};
}
ReadResult failed_read(const AccountJob& job) {
  AccountFound failed;
  failed.tag = job.tag;
  failed.failed = true;
  return failed;
}
ReadResult failed_read(const BacklogJob& job) {
  return BacklogRead{job.tag, tl::unexpected(store::ReadError{kReaderFull})};
}
ReadResult failed_read(const DeviceJob& job) { return DeviceFound{job.tag, true, {}}; }
ReadResult failed_read(const KeysJob& job) { return KeysRead{job.tag, {}, kReaderFull}; }

using Wait = asio::posix::stream_descriptor;

/// A socket and what waits for it.
struct Port {
  Port(asio::io_context& io, UdpSocket from, BatchCalls& calls, Counters& counters)
      : socket(std::move(from)), watch(io, socket.fd()), transmitter(socket, calls, counters) {}
  ~Port() { watch.release(); }  // the descriptor is the socket's

  UdpSocket socket;
  Wait watch;
  Transmitter transmitter;
  bool awaits_writable = false;
};

}  // namespace

struct Reactor::Impl {
  Impl(const Parts& parts, std::vector<UdpSocket> sockets, const std::filesystem::path& path);
  ~Impl() { parts_.arrivals.on_first({}); }

  template <typename Feed>
  void turn(Feed&& feed) {
    const Now now = read_clocks();
    feed(now);
    carry_out(now);
    arm_timer();
    if (stopping_) finish_if_drained();
  }

  void receive(Port& port);
  void take_arrivals();
  void dispatch(const Arrival& arrival, Now now);

  void carry_out(Now now);
  void hand_over(Outbox& out);
  void refuse_rest(Outbox& out, std::size_t writes, std::size_t checks, std::size_t reads);
  void deliver_to_self(Arrival&& arrival);
  void send_datagrams(const DatagramQueue& queue);
  Port& port_for(const Path& path);
  void await_writable(Port& port);
  void arm_timer();

  void await_signal();
  void begin_stop(std::string_view why);
  void finish_if_drained();

  Parts parts_;
  asio::io_context io_{1};
  BatchCalls calls_;
  ReceiveBatch batch_;
  std::vector<std::unique_ptr<Port>> ports_;
  ControlSocket control_;
  asio::steady_timer timer_;
  Alarm alarm_;
  std::vector<Arrival> taken_;

  asio::signal_set signals_;
  asio::steady_timer deadline_;
  bool stopping_ = false;
};

Reactor::Impl::Impl(const Parts& parts, std::vector<UdpSocket> sockets,
                    const std::filesystem::path& path)
    : parts_(parts),
      control_(io_, path,
               [this](ControlTag tag, const control::Command& command) {
                 turn([&](Now now) { parts_.hub.on_control(tag, command, now); });
               }),
      timer_(io_),
      signals_(io_),
      deadline_(io_) {
  for (UdpSocket& socket : sockets) {
    ports_.push_back(std::make_unique<Port>(io_, std::move(socket), calls_, parts_.counters));
  }
  parts_.arrivals.on_first([this] { asio::post(io_, [this] { take_arrivals(); }); });
}

// --- What comes in ---

void Reactor::Impl::receive(Port& port) {
  port.watch.async_wait(Wait::wait_read, [this, &port](asio::error_code error) {
    if (error || stopping_) return;
    turn([&](Now now) {
      std::size_t read = 0;
      do {
        for (const Received& datagram : port.socket.receive(batch_, calls_)) {
          if (datagram.oversized) {
            ++parts_.counters.datagrams_received;
            ++parts_.counters.drop_oversized;
          } else {
            parts_.hub.on_datagram(datagram.path, datagram.bytes, now);
          }
          // There is more to read: meanwhile the store can begin.
          if (++read % kReadPerHandOver == 0) hand_over(parts_.hub.outbox());
        }
      } while (batch_.is_full() && read < kReadPerTurn);
    });
    receive(port);
  });
}

void Reactor::Impl::take_arrivals() {
  parts_.arrivals.take_all(taken_);
  turn([&](Now now) {
    for (const Arrival& arrival : taken_) dispatch(arrival, now);
  });
  taken_.clear();
}

void Reactor::Impl::dispatch(const Arrival& arrival, Now now) {
  if (const auto* outputs = std::get_if<StoreOutputs>(&arrival)) {
    for (const store::Output& output : *outputs) parts_.hub.on_store_output(output, now);
  } else if (const auto* health = std::get_if<store::Health>(&arrival)) {
    parts_.hub.on_store_health(*health);
  } else if (const auto* verdict = std::get_if<LoginVerdict>(&arrival)) {
    parts_.hub.on_verdict(*verdict, now);
  } else if (const auto* read = std::get_if<ReadResult>(&arrival)) {
    parts_.hub.on_read(*read, now);
  }
}

// --- What goes out ---

void Reactor::Impl::carry_out(Now now) {
  Outbox& out = parts_.hub.end_turn(now);
  hand_over(out);
  for (const ControlAnswer& answer : out.answers) control_.answer(answer);
  if (!out.log.empty()) parts_.log.write(out.log, now.wall);
  send_datagrams(out.datagrams);
  out.clear();
}

void Reactor::Impl::hand_over(Outbox& out) {
  const std::size_t writes = out.writes.empty() ? 0 : parts_.store.push(out.writes);
  const std::size_t checks = out.checks.empty() ? 0 : parts_.pool.push(out.checks);
  const std::size_t reads = out.reads.empty() ? 0 : parts_.reader.push(out.reads);
  refuse_rest(out, writes, checks, reads);
  for (LoginCheck& check : out.checks) wipe(check.password);
  out.clear_jobs();
}

/// The core bounds what is under way, so the inboxes have room. If they do not all the same, the
/// core hears "busy", through our own inbox, so that it is not called while its outbox is carried
/// out.
void Reactor::Impl::refuse_rest(Outbox& out, std::size_t writes, std::size_t checks,
                                std::size_t reads) {
  StoreOutputs refused;
  for (std::size_t i = writes; i < out.writes.size(); ++i) {
    refused.emplace_back(
        store::Reply{out.writes[i].tag,
                     control::Refused{control::Refusal::kBusy, "the hub is busy: try again"}});
  }
  if (!refused.empty()) deliver_to_self(std::move(refused));
  for (std::size_t i = checks; i < out.checks.size(); ++i) {
    LoginVerdict failed;
    failed.tag = out.checks[i].tag;
    deliver_to_self(std::move(failed));
  }
  for (std::size_t i = reads; i < out.reads.size(); ++i) {
    deliver_to_self(std::visit([](const auto& job) { return failed_read(job); }, out.reads[i]));
  }
}

void Reactor::Impl::deliver_to_self(Arrival&& arrival) {
  parts_.log.write(LogLevel::kError, "an inbox is full: requests are refused");
  if (!parts_.arrivals.try_push(std::move(arrival))) {
    parts_.log.write(LogLevel::kError, "the reactor's inbox is full: requests are lost");
  }
}

void Reactor::Impl::send_datagrams(const DatagramQueue& queue) {
  if (!queue.entries().empty()) failpoint("turn_not_sent");
  for (const DatagramQueue::Entry& entry : queue.entries()) {
    port_for(entry.path).transmitter.push(entry.path, queue.bytes_of(entry));
  }
  for (const auto& port : ports_) {
    port->transmitter.flush();
    if (port->transmitter.is_blocked()) await_writable(*port);
  }
  if (!queue.entries().empty()) failpoint("turn_sent");
}

/// The socket whose address was asked; for a session stored before the listen addresses changed,
/// any that reaches the client.
Port& Reactor::Impl::port_for(const Path& path) {
  if (ports_.size() == 1) return *ports_.front();
  for (const auto& port : ports_) {
    if (port->socket.owns(path.local) && port->socket.reaches(path.remote)) return *port;
  }
  for (const auto& port : ports_) {
    if (port->socket.reaches(path.remote)) return *port;
  }
  return *ports_.front();
}

void Reactor::Impl::await_writable(Port& port) {
  if (port.awaits_writable) return;
  port.awaits_writable = true;
  port.watch.async_wait(Wait::wait_write, [this, &port](asio::error_code error) {
    port.awaits_writable = false;
    if (error) return;
    port.transmitter.on_writable();
    if (port.transmitter.is_blocked()) await_writable(port);
    if (stopping_) finish_if_drained();
  });
}

void Reactor::Impl::arm_timer() {
  const auto at = alarm_.arm(parts_.hub.next_timeout());
  if (!at) return;
  timer_.expires_at(*at);
  timer_.async_wait([this](asio::error_code error) {
    if (error) return;
    turn([&](Now now) {
      alarm_.fired(now.mono);
      parts_.hub.on_timeout(now);
    });
  });
}

// --- The end ---

void Reactor::Impl::await_signal() {
  signals_.async_wait([this](asio::error_code error, int signal) {
    if (error) return;
    // Whoever asks twice does not want to wait, and may: what was acknowledged is on disk.
    signals_.clear();
    for (const int again : {SIGINT, SIGTERM}) std::signal(again, [](int) { _exit(1); });
    begin_stop(signal == SIGINT ? "SIGINT" : "SIGTERM");
  });
}

void Reactor::Impl::begin_stop(std::string_view why) {
  if (std::exchange(stopping_, true)) return;
  parts_.log.write(LogLevel::kInfo, fmt::format("stopping ({})", why));
  control_.stop_reading([this] { finish_if_drained(); });
  deadline_.expires_after(kDrainTime);
  deadline_.async_wait([this](asio::error_code error) {
    if (error) return;
    parts_.log.write(LogLevel::kWarning, "stopping with requests unanswered: they took too long");
    io_.stop();
  });
  finish_if_drained();
}

void Reactor::Impl::finish_if_drained() {
  const bool blocked = std::any_of(ports_.begin(), ports_.end(),
                                   [](const auto& port) { return port->transmitter.is_blocked(); });
  const bool busy = parts_.hub.pending() > 0 || blocked || control_.is_busy();
  if (!busy || fault("stop_does_not_drain")) io_.stop();
}

// --- The outside ---

Reactor::Reactor(const Parts& parts, std::vector<UdpSocket> sockets,
                 const std::filesystem::path& control_socket)
    : impl_(std::make_unique<Impl>(parts, std::move(sockets), control_socket)) {}

Reactor::~Reactor() = default;

void Reactor::restore(const RestoredHistory& history, std::span<const RestoredSession> sessions) {
  impl_->turn([&](Now now) { impl_->parts_.hub.restore(history, sessions, now); });
}

void Reactor::stop_on_signals() {
  impl_->signals_.add(SIGINT);
  impl_->signals_.add(SIGTERM);
  impl_->await_signal();
}

void Reactor::run() {
  for (const auto& port : impl_->ports_) impl_->receive(*port);
  impl_->take_arrivals();
  impl_->io_.run();
}

void Reactor::stop() {
  asio::post(impl_->io_, [impl = impl_.get()] { impl->begin_stop("asked to"); });
}

}  // namespace hub::server
