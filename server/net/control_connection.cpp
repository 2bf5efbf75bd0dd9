#include "server/net/control_connection.hpp"

#include <algorithm>
#include <utility>

#include <asio/buffer.hpp>
#include <asio/write.hpp>

#include "protocol/fault.hpp"
#include "protocol/limits.hpp"
#include "server/net/control_socket.hpp"

namespace hub::server {

namespace {

constexpr std::size_t kMaxUnsentBytes = 4 * kMaxControlLineBytes;
constexpr std::size_t kMaxDiscardedBytes = 16 * kMaxControlLineBytes;

}  // namespace

ControlConnection::ControlConnection(Stream stream, Owner& owner)
    : stream_(std::move(stream)), owner_(&owner) {}

void ControlConnection::start() { read(); }

void ControlConnection::refuse(const control::Refused& why) {
  refused_ = true;
  received_.clear();
  received_.shrink_to_fit();
  requests_.push_back({0, control::encode(control::Reply(why))});
  write();
}

bool ControlConnection::answer(ControlTag tag, const control::Reply& reply) {
  const auto request = std::find_if(requests_.begin(), requests_.end(),
                                    [&](const Request& r) { return r.tag == tag && !r.line; });
  if (closed_ || request == requests_.end()) return false;
  request->line = control::encode(reply);
  write();  // and only that: the owner is in the middle of a turn
  return true;
}

void ControlConnection::stop_reading() { stopped_ = true; }

void ControlConnection::close() {
  if (closed_) return;
  const auto self = shared_from_this();
  closed_ = true;
  asio::error_code ignored;
  stream_.close(ignored);
  std::exchange(owner_, nullptr)->on_closed(*this);
}

/// For one more request: a peer that does not read its answers is not read either.
bool ControlConnection::has_room() const {
  return requests_.size() < ControlSocket::kMaxPipelined &&
         unsent_.size() + writing_.size() < kMaxUnsentBytes;
}

void ControlConnection::read() {
  if (is_reading_ || closed_ || ended_ || stopped_) return;
  if (!refused_ && !has_room()) return;
  is_reading_ = true;
  stream_.async_read_some(asio::buffer(chunk_), [self = shared_from_this()](auto error, auto size) {
    self->is_reading_ = false;
    if (self->closed_) return;
    if (error) {
      self->ended_ = true;
      self->proceed();
    } else {
      self->on_read(size);
    }
  });
}

void ControlConnection::on_read(std::size_t size) {
  if (refused_) {
    // Read on: closing with bytes unread would take our last line away from the peer.
    discarded_ += size;
    if (discarded_ > kMaxDiscardedBytes) return close();
  } else {
    received_.append(chunk_.data(), size);
  }
  proceed();
}

void ControlConnection::cut_lines() {
  while (!closed_ && !refused_ && !stopped_ && has_room()) {
    const auto end = received_.find('\n', searched_);
    searched_ = end == std::string::npos ? received_.size() : 0;
    const std::size_t length = std::min(end, received_.size());
    if (length > kMaxControlLineBytes && !fault("control_line_unbounded")) {
      refuse({control::Refusal::kInvalid,
              "the line is longer than the control socket takes; send one request a line"});
      break;
    }
    if (end == std::string::npos) break;
    const std::string line = received_.substr(0, end);
    received_.erase(0, end + 1);
    on_line(line);
  }
}

void ControlConnection::on_line(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  const auto command = control::decode_command(line);
  const ControlTag tag = owner_->next_tag();
  requests_.push_back({tag, std::nullopt});
  if (command) {
    owner_->on_command(tag, *command);
  } else {
    requests_.back().line = control::encode(
        control::Reply(control::Refused{control::Refusal::kInvalid, command.error()}));
    write();
  }
}

void ControlConnection::write() {
  while (!requests_.empty() && requests_.front().line) {
    unsent_ += *requests_.front().line;
    unsent_ += '\n';
    requests_.pop_front();
  }
  if (is_writing_ || closed_ || unsent_.empty()) return;
  is_writing_ = true;
  writing_.swap(unsent_);
  asio::async_write(stream_, asio::buffer(writing_), [self = shared_from_this()](auto error, auto) {
    self->is_writing_ = false;
    if (self->closed_) return;
    if (error) {
      self->close();
    } else {
      self->on_written();
    }
  });
}

void ControlConnection::on_written() {
  writing_.clear();
  write();
  proceed();
  if (owner_ != nullptr) owner_->on_progress();
}

/// Whatever can be done next: take lines, read on, or end once everything is answered.
void ControlConnection::proceed() {
  cut_lines();
  if (closed_) return;
  const bool idle = requests_.empty() && unsent_.empty() && !is_writing_;
  if (idle && ended_) return close();
  if (idle && refused_ && !shut_) {
    shut_ = true;
    asio::error_code ignored;
    stream_.shutdown(Stream::shutdown_send, ignored);
  }
  read();
}

}  // namespace hub::server
