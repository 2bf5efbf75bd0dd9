#include "bench/load/classic_swarm.hpp"

#include <array>
#include <optional>

#include <fmt/format.h>

#include "bench/load/measure.hpp"

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

}  // namespace

void send_classic(Link& link, const classic::Header& header, std::string_view payload) {
  link.commit(classic::encode(header, payload, link.buffer()));
}

void ClassicSwarm::send(std::size_t session, Opcode opcode, std::string_view payload,
                        MessageId id) {
  const Session& from = sessions_[session];
  classic::Header header;
  header.opcode = opcode;
  header.token = from.token;
  header.msg_id = static_cast<std::uint32_t>(id);
  send_classic(*links_[from.link], header, payload);
}

void ClassicSwarm::handle(Bytes bytes, TimePoint at, const Visitor& visit) {
  const auto datagram = classic::decode(bytes);
  const auto found = datagram ? by_token_.find(datagram->header.token) : by_token_.end();
  if (found == by_token_.end()) {
    ++strays_;
  } else {
    visit(found->second, {datagram->header.opcode, datagram->header.msg_id, datagram->body}, at);
  }
}

// The classic login reply does not name the account, but it carries the asker's magic: each login
// under way has a slot, and the slot is its magic.
class ClassicSwarm::Logins {
 public:
  Logins(ClassicSwarm& swarm, const std::vector<std::string>& ids, const std::string& password)
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
    send_classic(*swarm_.links_[link_of(attempt.session)], header,
                 ids_[attempt.session] + "&" + password_);
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

  ClassicSwarm& swarm_;
  const std::vector<std::string>& ids_;
  const std::string& password_;
  const std::size_t first_;
  std::size_t begun_ = 0;
  std::size_t done_ = 0;
  std::vector<std::size_t> free_;
  std::array<std::optional<Attempt>, kSlots> attempts_;
};

void ClassicSwarm::login(const std::vector<std::string>& ids, const std::string& password) {
  Logins(*this, ids, password).run();
}

}  // namespace hub::bench
