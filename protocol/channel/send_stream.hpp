// One ordered stream of messages on its way out: taken, sent, sent again, acknowledged.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/channel/payload.hpp"
#include "protocol/channel/ring.hpp"
#include "protocol/types.hpp"

namespace hub::channel {

class SendStream {
 public:
  struct Message {
    Payload payload;
    std::uint16_t copies = 0;  // in flight
    bool is_last = false;
    bool is_lost = false;  // to be sent again
    bool is_acked = false;

    /// Neither acknowledged nor lost, as far as is known, and in fewer datagrams than that.
    bool may_fly_again(std::uint16_t most_copies) const {
      return !is_acked && !is_lost && copies < most_copies;
    }
  };

  explicit SendStream(std::uint64_t next_seq = 0) : base_(next_seq), next_new_(next_seq) {}

  void push(Payload message, bool is_last);

  /// Everything taken has been acknowledged.
  bool is_empty() const { return messages_.empty(); }
  std::uint64_t next_push_seq() const { return base_ + messages_.size(); }
  /// The oldest not yet acknowledged; where there is none, the next to be pushed.
  std::uint64_t oldest_seq() const { return base_; }
  /// The oldest that has never been sent.
  std::uint64_t next_new_seq() const { return next_new_; }

  /// What goes next: the oldest lost one, else the oldest never sent.
  std::optional<std::uint64_t> next_to_send() {
    if (lost_ > 0) return next_lost();
    return next_new_ == next_push_seq() ? std::nullopt : std::optional(next_new_);
  }
  bool has_lost() const { return lost_ > 0; }
  bool is_new(std::uint64_t seq) const { return seq >= next_new_; }
  const Message& at(std::uint64_t seq) const {
    return messages_[static_cast<std::size_t>(seq - base_)];
  }

  void on_sent(std::uint64_t seq);
  /// Its cost, where this is the first ack; else 0.
  std::size_t on_acked(std::uint64_t seq);
  /// One copy is lost; the message goes again once no other is in flight.
  void on_lost(std::uint64_t seq);

 private:
  std::uint64_t next_lost();
  bool is_held(std::uint64_t seq) const { return seq >= base_ && seq - base_ < messages_.size(); }
  Message& held(std::uint64_t seq) { return messages_[static_cast<std::size_t>(seq - base_)]; }

  Ring<Message> messages_;  // from base_ on, without a gap
  std::uint64_t base_;
  std::uint64_t next_new_;
  std::uint64_t first_lost_ = 0;  // none below is lost
  std::size_t lost_ = 0;          // messages
};

}  // namespace hub::channel
