#include "bench/load/swarm.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>

#include "bench/load/measure.hpp"

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr int kBufferBytes = 8 * 1024 * 1024;

/// As large as the system allows; beyond its limit only root may go.
void enlarge(int fd, int forced, int asked) {
  if (setsockopt(fd, SOL_SOCKET, forced, &kBufferBytes, sizeof kBufferBytes) == 0) return;
  setsockopt(fd, SOL_SOCKET, asked, &kBufferBytes, sizeof kBufferBytes);
}

}  // namespace

Link::Link(std::uint16_t port) : received_(kLinkBatch * kLinkBytes) {
  fd_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) throw Failure(fmt::format("cannot open a socket: {}", std::strerror(errno)));
  enlarge(fd_, SO_RCVBUFFORCE, SO_RCVBUF);
  enlarge(fd_, SO_SNDBUFFORCE, SO_SNDBUF);
  sockaddr_in hub{};
  hub.sin_family = AF_INET;
  hub.sin_port = htons(port);
  hub.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&hub), sizeof hub) != 0) {
    throw Failure(fmt::format("cannot reach the hub: {}", std::strerror(errno)));
  }
  unsent_.reserve(kLinkBatch * kLinkBytes);
  unsent_sizes_.reserve(kLinkBatch);
}

Link::~Link() { ::close(fd_); }

void Link::send(const classic::Header& header, std::string_view payload) {
  unsent_sizes_.push_back(classic::encode(header, payload, unsent_));
  if (unsent_sizes_.size() == kLinkBatch) flush();
}

void Link::flush() {
  if (unsent_sizes_.empty()) return;
  std::uint8_t* at = unsent_.data();
  for (std::size_t i = 0; i < unsent_sizes_.size(); ++i) {
    vectors_[i] = {at, unsent_sizes_[i]};
    at += unsent_sizes_[i];
    messages_[i] = {};
    messages_[i].msg_hdr.msg_iov = &vectors_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
  for (std::size_t done = 0; done < unsent_sizes_.size();) {
    const int sent =
        ::sendmmsg(fd_, &messages_[done], static_cast<unsigned>(unsent_sizes_.size() - done), 0);
    if (sent < 0 && errno != EINTR) {
      throw Failure(fmt::format("cannot send to the hub: {}", std::strerror(errno)));
    }
    if (sent > 0) done += static_cast<std::size_t>(sent);
  }
  unsent_.clear();
  unsent_sizes_.clear();
}

std::span<const Bytes> Link::receive() {
  for (std::size_t i = 0; i < kLinkBatch; ++i) {
    vectors_[i] = {received_.data() + i * kLinkBytes, kLinkBytes};
    messages_[i] = {};
    messages_[i].msg_hdr.msg_iov = &vectors_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
  const int got = ::recvmmsg(fd_, messages_.data(), kLinkBatch, MSG_DONTWAIT, nullptr);
  if (got < 0 && errno != EAGAIN && errno != EINTR) {
    throw Failure(fmt::format("cannot receive from the hub: {}", std::strerror(errno)));
  }
  const std::size_t count = got > 0 ? static_cast<std::size_t>(got) : 0;
  for (std::size_t i = 0; i < count; ++i) {
    datagrams_[i] = Bytes(received_).subspan(i * kLinkBytes, messages_[i].msg_len);
  }
  return std::span(datagrams_).first(count);
}

Swarm::Swarm(std::uint16_t port, std::size_t links) {
  for (std::size_t i = 0; i < links; ++i) {
    links_.push_back(std::make_unique<Link>(port));
    waiting_.push_back({links_.back()->fd(), POLLIN, 0});
  }
}

void Swarm::send(std::size_t session, Opcode opcode, std::string_view payload,
                 std::uint32_t msg_id) {
  const Session& from = sessions_[session];
  classic::Header header;
  header.opcode = opcode;
  header.token = from.token;
  header.msg_id = msg_id;
  links_[from.link]->send(header, payload);
}

void Swarm::flush() {
  for (const auto& link : links_) link->flush();
}

std::span<Link* const> Swarm::readable(Duration patience) {
  readable_.clear();
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(patience).count();
  if (::poll(waiting_.data(), waiting_.size(), static_cast<int>(wait)) <= 0) return {};
  for (std::size_t i = 0; i < links_.size(); ++i) {
    if (waiting_[i].revents != 0) readable_.push_back(links_[i].get());
  }
  return readable_;
}

std::size_t Swarm::receive(Duration patience, const Visitor& visit) {
  flush();
  std::size_t count = 0;
  for (Link* link : readable(patience)) {
    const auto datagrams = link->receive();
    const TimePoint at = std::chrono::steady_clock::now();
    for (const Bytes bytes : datagrams) handle(bytes, at, visit);
    count += datagrams.size();
    link->flush();
  }
  flush();
  return count;
}

void Swarm::handle(Bytes bytes, TimePoint at, const Visitor& visit) {
  const auto datagram = classic::decode(bytes);
  const auto found = datagram ? by_token_.find(datagram->header.token) : by_token_.end();
  if (found == by_token_.end()) {
    ++strays_;
  } else {
    visit(found->second, *datagram, at);
  }
}

// The classic login reply does not name the account, but it carries the asker's magic: each login
// under way has a slot, and the slot is its magic.
class Swarm::Logins {
 public:
  Logins(Swarm& swarm, const std::vector<std::string>& ids, const std::string& password)
      : swarm_(swarm), ids_(ids), password_(password), first_(swarm.sessions_.size()) {
    for (std::size_t i = kSlots; i-- > 0;) free_.push_back(i);
    swarm_.sessions_.resize(first_ + ids.size());
  }

  void run() {
    while (done_ < ids_.size()) {
      while (begun_ < ids_.size() && !free_.empty()) {
        const std::size_t slot = free_.back();
        free_.pop_back();
        attempts_[slot] = {begun_++, 0, {}};
        send(slot);
      }
      swarm_.flush();
      repeat_late_ones();
      for (Link* link : swarm_.readable(100ms)) {
        for (const Bytes bytes : link->receive()) take(bytes);
      }
    }
  }

 private:
  static constexpr std::size_t kSlots = 32;  // below the hub's bound of checks under way
  static constexpr int kMaxSends = 4;
  static constexpr auto kPatience = 2s;

  struct Attempt {
    std::size_t session = 0;  // index into ids_
    int sends = 0;
    TimePoint sent{};
  };

  std::size_t link_of(std::size_t session) const { return session % swarm_.links_.size(); }

  void send(std::size_t slot) {
    Attempt& attempt = *attempts_[slot];
    if (attempt.sends++ == kMaxSends) {
      throw Failure("the hub does not answer the login of " + ids_[attempt.session]);
    }
    attempt.sent = std::chrono::steady_clock::now();
    classic::Header header;
    header.magic = {'L', static_cast<std::uint8_t>('0' + slot)};
    header.opcode = Opcode::kLogin;
    swarm_.links_[link_of(attempt.session)]->send(header, ids_[attempt.session] + "&" + password_);
  }

  void repeat_late_ones() {
    const TimePoint now = std::chrono::steady_clock::now();
    for (std::size_t slot = 0; slot < kSlots; ++slot) {
      if (attempts_[slot] && now - attempts_[slot]->sent > kPatience) send(slot);
    }
  }

  void take(Bytes bytes) {
    const auto datagram = classic::decode(bytes);
    if (!datagram || datagram->header.magic[0] != 'L') return;
    const classic::Header& header = datagram->header;
    const std::size_t slot = static_cast<std::size_t>(header.magic[1]) - '0';
    if (slot >= kSlots || !attempts_[slot]) return;
    const std::size_t index = attempts_[slot]->session;
    if (header.opcode != Opcode::kLoginOk) {
      throw Failure(fmt::format("the hub answers the login of {} with {}", ids_[index],
                                name_of(header.opcode)));
    }
    swarm_.sessions_[first_ + index] = {link_of(index), header.token};
    swarm_.by_token_[header.token] = first_ + index;
    attempts_[slot].reset();
    free_.push_back(slot);
    ++done_;
  }

  Swarm& swarm_;
  const std::vector<std::string>& ids_;
  const std::string& password_;
  const std::size_t first_;
  std::size_t begun_ = 0;
  std::size_t done_ = 0;
  std::vector<std::size_t> free_;
  std::array<std::optional<Attempt>, kSlots> attempts_;
};

void Swarm::login(const std::vector<std::string>& ids, const std::string& password) {
  Logins(*this, ids, password).run();
}

}  // namespace hub::bench
