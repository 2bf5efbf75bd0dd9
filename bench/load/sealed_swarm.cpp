#include "bench/load/sealed_swarm.hpp"

#include <array>
#include <variant>

#include <fmt/format.h>

#include "bench/load/measure.hpp"
#include "client/core/login_exchange.hpp"
#include "protocol/client_id.hpp"
#include "protocol/sealed/initiator.hpp"
#include "protocol/sealed/message.hpp"

namespace hub::bench {

namespace {

using namespace std::chrono_literals;
using client::LoginExchange;
using sealed::Connection;

const Path kTheWay;  // the sockets know where they send to

}  // namespace

void SealedSwarm::send(std::size_t session, Opcode opcode, std::string_view payload, MessageId id) {
  channel::Channel& channel = sessions_[session].connection->channel();
  if (opcode == Opcode::kForwardAck) {
    channel.mark(id);
  } else if (!channel.send_talk(sealed::write_message({opcode, id, payload}))) {
    throw Failure("a session has more outstanding than its connection takes");
  }
  touch(session);
}

void SealedSwarm::touch(std::size_t session) {
  if (!std::exchange(sessions_[session].is_touched, true)) touched_.push_back(session);
}

void SealedSwarm::add(std::size_t session, std::size_t link,
                      std::unique_ptr<Connection> connection) {
  by_id_[connection->id()] = session;
  sessions_[session].link = link;
  sessions_[session].connection = std::move(connection);
}

void SealedSwarm::handle(Bytes bytes, TimePoint at, const Visitor& visit) {
  const auto header = sealed::read_transport_header(bytes);
  const auto found = header ? by_id_.find(header->id) : by_id_.end();
  if (found == by_id_.end()) {
    ++strays_;
    return;
  }
  const std::size_t index = found->second;
  Connection& connection = *sessions_[index].connection;
  const auto taken = connection.on_datagram(kTheWay, *header, bytes, at);
  if (taken == Connection::Taken::kForged || taken == Connection::Taken::kReplayed) {
    ++strays_;
    return;
  }
  if (taken != Connection::Taken::kFresh) throw Failure("the hub closed a connection");
  touch(index);
  for (const channel::Delivered& delivered : connection.take_delivered()) {
    const auto message = sealed::read_message(delivered.bytes);
    if (message) visit(index, {message->opcode, message->id, message->payload}, at);
  }
}

void SealedSwarm::collect(TimePoint now) {
  for (const std::size_t index : touched_) {
    Session& session = sessions_[index];
    session.is_touched = false;
    Link& link = *links_[session.link];
    for (;;) {
      auto& buffer = link.buffer();
      const std::size_t before = buffer.size();
      if (!session.connection->poll_transmit(now, buffer)) break;
      link.commit(buffer.size() - before);
    }
    const auto next = session.connection->next_timeout();
    if (!next || (session.armed && *session.armed <= *next)) continue;
    session.armed = next;
    deadlines_.push({*next, index});
  }
  touched_.clear();
}

std::optional<TimePoint> SealedSwarm::next_timeout() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.top().first;
}

void SealedSwarm::on_timeout(TimePoint now) {
  while (!deadlines_.empty() && deadlines_.top().first <= now) {
    const auto [at, index] = deadlines_.top();
    deadlines_.pop();
    Session& session = sessions_[index];
    if (session.armed != at) continue;
    session.armed.reset();
    session.connection->on_timeout(now);
    touch(index);
  }
}

/// One account on its way in: hello, welcome, login or resume, ok.
class SealedSwarm::LoginUnderWay {
 public:
  /// No password: its device comes back.
  LoginUnderWay(SealedSwarm& swarm, std::size_t session, const std::string& id,
                const std::optional<std::string>& password)
      : swarm_(swarm),
        session_(session),
        id_(id),
        password_(password),
        initiator_(swarm.server_key_, swarm.random_, std::chrono::steady_clock::now()),
        exchange_(LoginExchange::Config{true}, swarm.random_) {}

  std::size_t link() const { return session_ % swarm_.links_.size(); }
  bool is_connected() const { return connected_; }
  bool is_done() const { return done_; }
  std::size_t session() const { return session_; }

  /// The hello, first and again.
  void send(TimePoint now) {
    if (connected_ || now < initiator_.next_timeout()) return;
    Link& link_used = *swarm_.links_[link()];
    auto& buffer = link_used.buffer();
    const std::size_t before = buffer.size();
    if (initiator_.poll_transmit(now, buffer)) link_used.commit(buffer.size() - before);
  }

  /// An answer to some hello, perhaps to this one.
  bool take_answer(Bytes bytes, TimePoint now) {
    const auto event = initiator_.on_datagram(bytes, now);
    if (!event) return false;
    const auto* made = std::get_if<sealed::Established>(&*event);
    if (made == nullptr) throw Failure("the hub has another key or version than was expected");
    connected_ = true;
    swarm_.add(
        session_, link(),
        std::make_unique<Connection>(sealed::Side::kClient, *made, kTheWay, swarm_.random_, now));
    const Device& its = swarm_.devices_[session_];
    const LoginExchange::Device device{its.id, its.secret, {}};
    const ClientId id = *ClientId::parse(id_);
    const Key& hash = made->keys.handshake_hash;
    follow(password_ ? exchange_.start(id, *password_, device, hash)
                     : exchange_.resume(id, device, hash));
    return true;
  }

  void take_message(const sealed::Message& message) {
    follow(exchange_.on_message(message.opcode, message.payload));
  }

 private:
  void follow(const LoginExchange::Step& step) {
    if (const auto* send = std::get_if<LoginExchange::SendMessage>(&step)) {
      swarm_.send(session_, send->opcode, send->payload, 0);
    } else if (const auto* asked = std::get_if<LoginExchange::Stretch>(&step)) {
      const auto salted = stretch_password(asked->password, asked->salt, asked->kdf);
      follow(exchange_.stretched(asked->ticket, salted));
    } else if (std::holds_alternative<LoginExchange::LoggedIn>(step)) {
      swarm_.sessions_[session_].connection->widen();
      swarm_.touch(session_);
      done_ = true;
    } else if (!std::holds_alternative<LoginExchange::Nothing>(step)) {
      throw Failure("the hub refuses the login of " + id_);
    }
  }

  SealedSwarm& swarm_;
  const std::size_t session_;
  const std::string& id_;
  const std::optional<std::string>& password_;
  sealed::Initiator initiator_;
  LoginExchange exchange_;
  bool connected_ = false;
  bool done_ = false;
};

class SealedSwarm::Logins {
 public:
  /// No password: the devices are there already.
  Logins(SealedSwarm& swarm, const std::vector<std::string>& ids,
         const std::optional<std::string>& password)
      : swarm_(swarm), ids_(ids), password_(password), first_(swarm.sessions_.size()) {
    swarm_.sessions_.resize(first_ + ids.size());
    slot_of_.resize(ids.size(), kSlots);
  }

  void run() {
    TimePoint last_progress = std::chrono::steady_clock::now();
    for (std::size_t done = 0; done < ids_.size();) {
      begin();
      swarm_.flush();
      for (Link* link : swarm_.readable(patience())) take(link->receive());
      const TimePoint now = std::chrono::steady_clock::now();
      swarm_.on_timeout(now);
      for (auto& slot : slots_) {
        if (slot && slot->is_done()) {
          slot.reset();
          ++done;
          last_progress = now;
        } else if (slot) {
          slot->send(now);
        }
      }
      if (now - last_progress > kPatience) {
        throw Failure(
            fmt::format("the hub does not answer: {} of {} logins done", done, ids_.size()));
      }
    }
    swarm_.flush();
  }

 private:
  static constexpr std::size_t kSlots = 32;
  static constexpr auto kPatience = 20s;

  void begin() {
    for (std::size_t i = 0; i < kSlots && begun_ < ids_.size(); ++i) {
      if (slots_[i]) continue;
      slot_of_[begun_] = i;
      slots_[i] = std::make_unique<LoginUnderWay>(swarm_, first_ + begun_, ids_[begun_], password_);
      slots_[i]->send(std::chrono::steady_clock::now());
      ++begun_;
    }
  }

  Duration patience() const {
    const auto next = swarm_.next_timeout();
    const Duration left = next ? *next - std::chrono::steady_clock::now() : Duration(100ms);
    return std::clamp<Duration>(left, 0ms, 100ms);
  }

  void take(std::span<const Bytes> datagrams) {
    const TimePoint now = std::chrono::steady_clock::now();
    for (const Bytes bytes : datagrams) {
      if (sealed::read_transport_header(bytes)) {
        take_transport(bytes, now);
        continue;
      }
      for (auto& slot : slots_) {
        if (slot && !slot->is_connected() && slot->take_answer(bytes, now)) break;
      }
    }
  }

  void take_transport(Bytes bytes, TimePoint now) {
    const auto header = sealed::read_transport_header(bytes);
    const auto found = swarm_.by_id_.find(header->id);
    if (found == swarm_.by_id_.end()) return;
    const std::size_t index = found->second;
    Connection& connection = *swarm_.sessions_[index].connection;
    const auto taken = connection.on_datagram(kTheWay, *header, bytes, now);
    if (taken != Connection::Taken::kFresh) return;
    swarm_.touch(index);
    for (const channel::Delivered& delivered : connection.take_delivered()) {
      const auto message = sealed::read_message(delivered.bytes);
      auto* slot = index >= first_ ? slots_[slot_of_[index - first_]].get() : nullptr;
      if (message && slot != nullptr && slot->session() == index) slot->take_message(*message);
    }
  }

  SealedSwarm& swarm_;
  const std::vector<std::string>& ids_;
  const std::optional<std::string>& password_;
  const std::size_t first_;
  std::size_t begun_ = 0;
  std::vector<std::size_t> slot_of_;  // by index into ids_
  std::array<std::unique_ptr<LoginUnderWay>, kSlots> slots_;
};

void SealedSwarm::login(const std::vector<std::string>& ids, const std::string& password) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Device& device = devices_.emplace_back();
    random_.fill(device.id);
    random_.fill(device.secret);
  }
  const std::optional<std::string> given = password;
  Logins(*this, ids, given).run();
}

void SealedSwarm::resume(const std::vector<std::string>& ids, const std::vector<Device>& devices) {
  devices_.insert(devices_.end(), devices.begin(), devices.end());
  const std::optional<std::string> none;
  Logins(*this, ids, none).run();
}

}  // namespace hub::bench
