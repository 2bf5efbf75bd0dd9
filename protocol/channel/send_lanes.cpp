#include "protocol/channel/send_lanes.hpp"

#include <algorithm>

#include "protocol/channel/frames.hpp"
#include "protocol/fault.hpp"

namespace hub::channel {

SendLanes::SendLanes(const Rest& rest)
    : talk_(fault("idle_forgets_sequence") ? 0 : rest.talk_seq_out),
      next_stream_(rest.next_stream_out),
      talk_window_(rest.talk_out),
      bulk_window_(rest.bulk_out) {}

void SendLanes::store(Rest& rest) const {
  rest.talk_seq_out = talk_.next_push_seq();
  rest.next_stream_out = next_stream_;
  rest.talk_out = talk_window_;
  rest.bulk_out = bulk_window_;
}

void SendLanes::push_talk(Payload message) {
  queued_talk_ += cost_of(message.size());
  talk_.push(std::move(message), false);
}

StreamId SendLanes::open_bulk() {
  BulkStream opened;
  opened.id = next_stream_++;
  bulk_.push_back(std::move(opened));
  return bulk_.back().id;
}

SendLanes::BulkStream* SendLanes::find(StreamId id) {
  const auto at = std::lower_bound(
      bulk_.begin(), bulk_.end(), id,
      [](const BulkStream& stream, StreamId wanted) { return stream.id < wanted; });
  return at != bulk_.end() && at->id == id ? &*at : nullptr;
}

bool SendLanes::push_bulk(StreamId id, Payload message, bool last) {
  BulkStream* stream = find(id);
  if (stream == nullptr || stream->has_ended) return false;
  queued_bulk_ += cost_of(message.size());
  stream->messages.push(std::move(message), last);
  stream->has_ended = last;
  return true;
}

void SendLanes::on_limit(Lane lane, std::uint64_t limit) {
  std::uint64_t& held = lane == Lane::kTalk ? talk_window_.limit : bulk_window_.limit;
  held = std::max(held, limit);
}

std::optional<std::uint64_t> SendLanes::sendable(SendStream& stream, const WindowRest& window) {
  const auto seq = stream.next_to_send();
  if (!seq || !stream.is_new(*seq) || fault("peer_window_ignored")) return seq;
  const bool fits = window.used + cost_of(stream.at(*seq).payload.size()) <= window.limit;
  return fits ? seq : std::nullopt;
}

SendLanes::BulkStream* SendLanes::next_bulk() {
  const std::size_t active = std::min(bulk_.size(), kMaxBulkStreams);
  std::size_t first = 0;
  while (first < active && bulk_[first].id < turn_) ++first;
  for (std::size_t i = 0; i < active; ++i) {
    BulkStream& stream = bulk_[(first + i) % active];
    if (sendable(stream.messages, bulk_window_)) return &stream;
  }
  return nullptr;
}

bool SendLanes::write_talk_message(std::uint64_t seq, std::size_t room,
                                   std::vector<std::uint8_t>& out, Recovery& recovery) {
  const SendStream::Message& message = talk_.at(seq);
  if (talk_frame_size(seq, message.payload.size()) > room) return false;
  encode_talk(seq, message.payload.bytes(), out);
  if (talk_.is_new(seq)) talk_window_.used += cost_of(message.payload.size());
  talk_.on_sent(seq);
  recovery.load({Cargo::Kind::kTalk, 0, seq});
  return true;
}

bool SendLanes::write_bulk_message(BulkStream& stream, std::uint64_t seq, std::size_t room,
                                   std::vector<std::uint8_t>& out, Recovery& recovery) {
  const SendStream::Message& message = stream.messages.at(seq);
  if (bulk_frame_size(stream.id, seq, message.payload.size()) > room) return false;
  encode_bulk(stream.id, seq, message.is_last, message.payload.bytes(), out);
  if (stream.messages.is_new(seq)) bulk_window_.used += cost_of(message.payload.size());
  stream.messages.on_sent(seq);
  recovery.load({Cargo::Kind::kBulk, stream.id, seq});
  return true;
}

std::size_t SendLanes::write_talk(std::size_t room, std::vector<std::uint8_t>& out,
                                  Recovery& recovery) {
  const std::size_t start = out.size();
  while (const auto seq = sendable(talk_, talk_window_)) {
    if (!write_talk_message(*seq, room - (out.size() - start), out, recovery)) break;
    if (fault("nothing_coalesced")) break;
  }
  return out.size() - start;
}

std::size_t SendLanes::write_bulk(std::size_t room, std::vector<std::uint8_t>& out,
                                  Recovery& recovery) {
  const std::size_t start = out.size();
  while (BulkStream* stream = next_bulk()) {
    const auto seq = stream->messages.next_to_send();
    if (!write_bulk_message(*stream, *seq, room - (out.size() - start), out, recovery)) break;
    if (!fault("bulk_not_in_turn")) turn_ = stream->id + 1;
  }
  return out.size() - start;
}

std::size_t SendLanes::write_probe(std::size_t room, std::vector<std::uint8_t>& out,
                                   Recovery& recovery) {
  const std::size_t start = out.size();
  const auto left = [&] { return room - (out.size() - start); };
  for (std::uint64_t seq = talk_.oldest_seq(); seq < talk_.next_new_seq(); ++seq) {
    if (talk_.at(seq).is_acked) continue;
    if (!write_talk_message(seq, left(), out, recovery)) break;
  }
  if (out.size() > start) return out.size() - start;
  for (BulkStream& stream : bulk_) {
    const SendStream& messages = stream.messages;
    for (std::uint64_t seq = messages.oldest_seq(); seq < messages.next_new_seq(); ++seq) {
      if (messages.at(seq).is_acked) continue;
      if (!write_bulk_message(stream, seq, left(), out, recovery)) return out.size() - start;
    }
  }
  return out.size() - start;
}

std::size_t SendLanes::write_repeats(std::uint64_t end, std::uint16_t most_copies, std::size_t room,
                                     std::vector<std::uint8_t>& out, Recovery& recovery) {
  const std::size_t start = out.size();
  for (std::uint64_t seq = talk_.oldest_seq(); seq < end; ++seq) {
    if (!talk_.at(seq).may_fly_again(most_copies)) continue;
    if (!write_talk_message(seq, room - (out.size() - start), out, recovery)) break;
  }
  return out.size() - start;
}

bool SendLanes::has_talk_in_fewer_than(std::uint16_t copies) const {
  for (std::uint64_t seq = talk_.oldest_seq(); seq < talk_.next_new_seq(); ++seq) {
    if (talk_.at(seq).may_fly_again(copies)) return true;
  }
  return false;
}

void SendLanes::on_acked(const Cargo& cargo) {
  if (cargo.kind == Cargo::Kind::kTalk) {
    queued_talk_ -= talk_.on_acked(cargo.value);
    return;
  }
  BulkStream* stream = find(cargo.stream);
  if (stream == nullptr) return;
  queued_bulk_ -= stream->messages.on_acked(cargo.value);
  if (!stream->has_ended || !stream->messages.is_empty()) return;
  bulk_.erase(bulk_.begin() + (stream - bulk_.data()));
}

void SendLanes::on_lost(const Cargo& cargo) {
  if (cargo.kind == Cargo::Kind::kTalk) {
    talk_.on_lost(cargo.value);
  } else if (BulkStream* stream = find(cargo.stream)) {
    stream->messages.on_lost(cargo.value);
  }
}

}  // namespace hub::channel
