// What clients ask of the writer: posts and follows, each done once for the number it has.
//
// A post writes with one statement, which is whole or nothing by itself; so does a follow without a
// number. With one, it writes its device's row as well, in a savepoint.
#include "protocol/fault.hpp"
#include "store/refusals.hpp"
#include "store/writer_statements.hpp"

namespace hub::store {

RequestLedger::Entry Writer::device_entry(DeviceNumber device) {
  if (const auto* entry = ledger_.find(device); entry != nullptr) return *entry;
  Use row(sql_->device_results, device);
  return row.step() ? RequestLedger::read_entry(row) : RequestLedger::Entry{};
}

std::optional<Writer::ReplyBody> Writer::known_answer(const Numbered& once, AccountId account) {
  if (once.number == 0) return std::nullopt;
  const RequestLedger::Entry entry = device_entry(once.device);
  // It was removed while the request was on its way, and so was its session.
  if (entry.account != account && !fault("foreign_device_taken")) return no_device();
  if (once.number > entry.results.done || fault("no_sequence_check")) return std::nullopt;
  return Repeated{entry.results.outcome(once.number)};
}

void Writer::record_post(const Numbered& once) {
  if (once.number == 0) return;
  RequestLedger::Entry entry = device_entry(once.device);
  entry.results.record(once.number, true);
  entry.row_is_behind = true;
  staged_devices_.emplace_back(once.device, entry);
}

void Writer::record_result(const Numbered& once, bool was_ok) {
  RequestLedger::Entry entry = device_entry(once.device);
  entry.results.record(once.number, was_ok);
  entry.row_is_behind = false;
  const RequestResults& results = entry.results;
  Use(sql_->set_results, results.done, results.ok, results.failed, once.device).run();
  staged_devices_.emplace_back(once.device, entry);
}

template <typename Body>
Writer::ReplyBody Writer::numbered(const Numbered& once, AccountId account, Body&& body) {
  if (auto refused = refuse_unless_active(account)) return *refused;
  if (auto answer = known_answer(once, account)) return *answer;
  if (once.number == 0) return body();
  return atomically(
      [&]() -> ReplyBody {
        ReplyBody reply = body();
        const bool was_ok = std::holds_alternative<Done>(reply);
        if (was_ok || !fault("failed_outcome_not_recorded")) record_result(once, was_ok);
        return reply;
      },
      Keep::kAlways);
}

Writer::ReplyBody Writer::perform(const AppendPost& request) {
  if (auto refused = refuse_unless_active(request.author)) return *refused;
  const bool is_asked = growth_ == Growth::kTaken || !fault("full_disk_forgets_numbers");
  if (auto answer = known_answer(request.once, request.author); answer && is_asked) return *answer;
  if (growth_ == Growth::kRefused) {
    return fault("full_disk_acks") ? ReplyBody(Posted{}) : ReplyBody(disk_full());
  }
  Head head = head_of(request.author);
  const MessageId id = next_id_;
  const bool is_numbered = request.once.number != 0 && !fault("sequence_not_written_with_post");
  const Numbered once = is_numbered ? request.once : Numbered{};
  Use(sql_->insert_post, id, request.author, head.last_post, now_, Lasting{request.text},
      once.device, once.number)
      .run();
  next_id_ = id + 1;
  head.last_post = id;
  stage(request.author, head);
  record_post(request.once);
  events_.push_back(PostCommitted{{id, request.author, {}, {}, now_}});  // texts: after the commit
  return Posted{id};
}

Writer::ReplyBody Writer::perform(const Follow& request) {
  if (growth_ == Growth::kRefused) {
    if (auto refused = refuse_unless_active(request.follower)) return *refused;
    if (auto answer = known_answer(request.once, request.follower)) return *answer;
    return disk_full();
  }
  return numbered(request.once, request.follower,
                  [&] { return follow(request.follower, request.target); });
}

Writer::ReplyBody Writer::perform(const Unfollow& request) {
  return numbered(request.once, request.follower,
                  [&] { return unfollow(request.follower, request.target); });
}

Writer::ReplyBody Writer::follow(AccountId follower, const std::string& name) {
  const auto target = find(name);
  if (!target || target->head.state != AccountState::kActive) return no_account(name);
  if (Use(sql_->is_followed, follower, target->id).step()) {
    if (fault("follow_twice_delivers_twice")) {
      events_.push_back(FollowAdded{follower, target->id});
    }
    return Done{};
  }
  Use count(sql_->count_follows, follower);
  count.step();
  if (count.number(0) >= options_.max_follows) return too_many_follows(options_.max_follows);
  Use(sql_->insert_follow, follower, target->id, newest_id()).run();
  changed_followers_.push_back(follower);
  events_.push_back(FollowAdded{follower, target->id});
  return Done{};
}

Writer::ReplyBody Writer::unfollow(AccountId follower, const std::string& name) {
  const auto target = find(name);
  if (!target) return no_account(name);
  if (!Use(sql_->is_followed, follower, target->id).step()) return no_follow(name);
  Use(sql_->remove_follow, follower, target->id).run();
  changed_followers_.push_back(follower);
  events_.push_back(FollowRemoved{follower, target->id});
  return Done{};
}

}  // namespace hub::store
