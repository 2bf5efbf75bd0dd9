#include "server/core/link.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "protocol/fault.hpp"

namespace hub::server {

const Endpoint& address_of(const Session& session) {
  return session.is_sealed() ? session.link->connection.path().remote
                             : session.classic->path.remote;
}

store::CloseSession close_request(const Session& session) {
  const std::uint64_t token =
      session.is_sealed() ? session.link->connection.id() : session.classic->token;
  return {session.account, token, session.framing(), session.mark, false};
}

void Link::wait_for_login(TimePoint until) {
  if (waiting == nullptr) waiting = std::make_unique<Waiting>();
  waiting->until = until;
}

LinkTable::NewLink LinkTable::make(const sealed::Established& made, const Path& path,
                                   Random& random, TimePoint now) {
  const auto [link, slot] = slots_.add(made, path, random, now);
  return NewLink(&link, GiveBack{this, slot});
}

Link& LinkTable::add(NewLink link, const IpAddress& prefix) {
  Link& added = *link;
  if (added.waiting == nullptr) added.waiting = std::make_unique<Link::Waiting>();
  added.waiting->prefix = prefix;
  ++strangers_[prefix];
  by_id_[added.connection.id()] = link.get_deleter().slot;
  static_cast<void>(link.release());  // the table has it now
  return added;
}

void LinkTable::remove(Link& link) {
  logged_in(link);  // a stranger no more, either way
  if (link.is_touched) std::erase(touched_, &link);
  const sealed::ConnectionId id = link.connection.id();
  slots_.remove(*by_id_.find(id));
  by_id_.erase(id);
}

Link* LinkTable::find(sealed::ConnectionId id) const {
  const Number* const slot = by_id_.find(id);
  return slot != nullptr ? slots_.at(*slot) : nullptr;
}

std::size_t LinkTable::strangers_from(const IpAddress& prefix) const {
  const auto found = strangers_.find(prefix);
  return found != strangers_.end() ? found->second : 0;
}

void LinkTable::logged_in(Link& link) {
  if (!link.is_stranger()) return;
  const auto found = strangers_.find(*link.waiting->prefix);
  if (--found->second == 0) strangers_.erase(found);
  link.waiting->prefix.reset();
}

void LinkTable::touch(Link& link) {
  if (std::exchange(link.is_touched, true)) return;
  touched_.push_back(&link);
}

const std::vector<Link*>& LinkTable::take_touched() {
  taken_.clear();
  taken_.swap(touched_);
  for (Link* link : taken_) link->is_touched = false;
  return taken_;
}

void LinkTable::arm(Link& link, TimePoint when) {
  if (link.armed <= when) return;
  link.armed = when;
  deadlines_.push_back({when, link.connection.id()});
  std::push_heap(deadlines_.begin(), deadlines_.end(), std::greater<>());
}

std::optional<TimePoint> LinkTable::next_timeout() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.front().at;
}

std::vector<Link*> LinkTable::take_due(TimePoint now) {
  std::vector<Link*> out;
  while (!deadlines_.empty() && deadlines_.front().at <= now) {
    std::pop_heap(deadlines_.begin(), deadlines_.end(), std::greater<>());
    const Deadline due = deadlines_.back();
    deadlines_.pop_back();
    Link* link = find(due.id);
    if (link == nullptr || link->armed != due.at) continue;
    link->armed = Link::kNotArmed;
    out.push_back(link);
  }
  // Every login waits for several; afterwards there are next to none.
  const bool is_spacious =
      deadlines_.capacity() > 1024 && deadlines_.size() * 4 < deadlines_.capacity();
  if (is_spacious && !fault("deadlines_stay_large")) {
    std::vector<Deadline> smaller;
    smaller.reserve(2 * deadlines_.size());
    smaller.assign(deadlines_.begin(), deadlines_.end());
    deadlines_.swap(smaller);
  }
  return out;
}

}  // namespace hub::server
