#include "server/core/link.hpp"

#include <utility>

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

Link& LinkTable::add(std::unique_ptr<Link> link, const IpAddress& prefix) {
  Link& added = *link;
  added.stranger_prefix = prefix;
  ++strangers_[prefix];
  links_.emplace(added.connection.id(), std::move(link));
  return added;
}

void LinkTable::remove(Link& link) {
  logged_in(link);  // a stranger no more, either way
  if (link.is_touched) std::erase(touched_, &link);
  links_.erase(link.connection.id());
}

Link* LinkTable::find(sealed::ConnectionId id) const {
  const auto found = links_.find(id);
  return found != links_.end() ? found->second.get() : nullptr;
}

std::size_t LinkTable::strangers_from(const IpAddress& prefix) const {
  const auto found = strangers_.find(prefix);
  return found != strangers_.end() ? found->second : 0;
}

void LinkTable::logged_in(Link& link) {
  if (!link.stranger_prefix) return;
  const auto found = strangers_.find(*link.stranger_prefix);
  if (--found->second == 0) strangers_.erase(found);
  link.stranger_prefix.reset();
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
  if (link.armed && *link.armed <= when) return;
  link.armed = when;
  deadlines_.push({when, link.connection.id()});
}

std::optional<TimePoint> LinkTable::next_timeout() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.top().at;
}

std::vector<Link*> LinkTable::take_due(TimePoint now) {
  std::vector<Link*> out;
  while (!deadlines_.empty() && deadlines_.top().at <= now) {
    const Deadline due = deadlines_.top();
    deadlines_.pop();
    Link* link = find(due.id);
    if (link == nullptr || link->armed != due.at) continue;
    link->armed.reset();
    out.push_back(link);
  }
  return out;
}

}  // namespace hub::server
