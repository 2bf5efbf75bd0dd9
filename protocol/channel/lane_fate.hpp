// Tells the lanes what became of the messages and window frames that a datagram carried.
#pragma once

#include "protocol/channel/receive_lanes.hpp"
#include "protocol/channel/recovery.hpp"
#include "protocol/channel/send_lanes.hpp"

namespace hub::channel {

class LaneFate final : public CargoFate {
 public:
  LaneFate(SendLanes& out, ReceiveLanes& in) : out_(out), in_(in) {}

  void on_acked(const Cargo& cargo) override {
    if (is_message(cargo)) {
      out_.on_acked(cargo);
    } else {
      in_.on_announcement_acked(announcement(cargo));
    }
  }
  void on_lost(const Cargo& cargo) override {
    if (is_message(cargo)) {
      out_.on_lost(cargo);
    } else {
      in_.on_announcement_lost(announcement(cargo));
    }
  }

 private:
  static bool is_message(const Cargo& cargo) {
    return cargo.kind == Cargo::Kind::kTalk || cargo.kind == Cargo::Kind::kBulk;
  }
  static ReceiveLanes::Announcement announcement(const Cargo& cargo) {
    return {cargo.kind == Cargo::Kind::kTalkWindow ? Lane::kTalk : Lane::kBulk, cargo.value};
  }

  SendLanes& out_;
  ReceiveLanes& in_;
};

}  // namespace hub::channel
