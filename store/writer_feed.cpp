// What clients ask of the writer: posts, follows, sessions. Each writes with one statement, which
// is whole or nothing by itself.
#include "protocol/fault.hpp"
#include "store/refusals.hpp"
#include "store/writer_statements.hpp"

namespace hub::store {

Writer::ReplyBody Writer::perform(const AppendPost& request) {
  if (auto refused = refuse_unless_active(request.author)) return *refused;
  Head head = head_of(request.author);
  const MessageId id = next_id_;
  Use(sql_->insert_post, id, request.author, head.last_post, now_, request.text).run();
  next_id_ = id + 1;
  head.last_post = id;
  stage(request.author, head);
  events_.push_back(PostCommitted{{id, request.author, request.author_name, request.text, now_}});
  return Posted{id};
}

Writer::ReplyBody Writer::perform(const Follow& request) {
  if (auto refused = refuse_unless_active(request.follower)) return *refused;
  const auto target = find(request.target);
  if (!target || target->head.state != AccountState::kActive) return no_account(request.target);
  if (Use(sql_->is_followed, request.follower, target->id).step()) {
    if (fault("follow_twice_delivers_twice")) {
      events_.push_back(FollowAdded{request.follower, target->id});
    }
    return Done{};
  }
  Use count(sql_->count_follows, request.follower);
  count.step();
  if (count.number(0) >= options_.max_follows) return too_many_follows(options_.max_follows);
  Use(sql_->insert_follow, request.follower, target->id, newest_id()).run();
  events_.push_back(FollowAdded{request.follower, target->id});
  return Done{};
}

Writer::ReplyBody Writer::perform(const Unfollow& request) {
  if (auto refused = refuse_unless_active(request.follower)) return *refused;
  const auto target = find(request.target);
  if (!target) return no_account(request.target);
  if (!Use(sql_->is_followed, request.follower, target->id).step()) {
    return no_follow(request.target);
  }
  Use(sql_->remove_follow, request.follower, target->id).run();
  events_.push_back(FollowRemoved{request.follower, target->id});
  return Done{};
}

Writer::ReplyBody Writer::perform(const OpenSession& request) {
  SessionOpened opened{request.session, {}};
  StoredSession& s = opened.session;
  if (auto refused = refuse_unless_active(s.account)) return *refused;
  if (Use name(sql_->account_name, s.account); name.step()) s.name = name.text(0);
  for (Use row(sql_->followees, s.account); row.step();) {
    opened.followees.push_back({row.number(0), static_cast<MessageId>(row.number(1))});
  }
  if (s.framing == Framing::kClassic) Use(sql_->close_classic, s.account).run();
  Use(sql_->open_session, s.account, static_cast<std::uint32_t>(s.framing), s.token,
      s.remote.ip.bytes, std::uint32_t{s.remote.port}, s.remote.scope, s.local.ip.bytes,
      std::uint32_t{s.local.port}, s.local.scope, s.magic, s.online_since)
      .run();
  return opened;
}

Writer::ReplyBody Writer::perform(const CloseSession& request) {
  Use(sql_->close_session, request.account, static_cast<std::uint32_t>(request.framing),
      request.token)
      .run();
  return Done{};
}

}  // namespace hub::store
