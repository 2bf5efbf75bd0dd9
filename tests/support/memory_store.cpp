#include "tests/support/memory_store.hpp"

#include <algorithm>

#include "protocol/client_id.hpp"
#include "protocol/limits.hpp"
#include "store/refusals.hpp"

namespace hub::test {

using control::Done;
using control::Progress;
using control::Refusal;
using control::Refused;
using store::Account;
using store::FollowAdded;
using store::FollowRemoved;
using store::Output;
using store::Posted;
using store::Repeated;
using store::Reply;
using store::SessionsEnded;

namespace {

// Each is validated before it changes anything, so that nothing ever needs undoing; a failing
// commit is decided before the batch begins.
Refused refusal(Refusal why) {
  if (why == Refusal::kDiskFull) return store::disk_full();
  if (why == Refusal::kBusy) return store::locked();
  return store::store_failed("asked to fail");
}

bool is_disk_full(const decltype(Reply::body)& reply) {
  const auto* refused = std::get_if<Refused>(&reply);
  return refused != nullptr && refused->why == Refusal::kDiskFull;
}

}  // namespace

MemoryStore::MemoryStore(const store::StoreOptions& options)
    : MemoryStore(options, {0x1122334455667788, Key{1, 2, 3}, {kMinKdfMemory, kMinKdfPasses}}) {}

MemoryStore::MemoryStore(const store::StoreOptions& options, const store::HubInfo& info)
    : options_(options), info_(info) {}

std::vector<Output> MemoryStore::apply(std::span<store::Request> batch, WallTime now) {
  std::vector<Output> out;
  if (batch.empty()) return out;
  now_ = now;
  const auto failure = failed_ ? failed_ : std::exchange(next_failure_, std::nullopt);
  if (failure == Refusal::kStoreFailed) failed_ = failure;
  no_room_ = failure == Refusal::kDiskFull;
  for (const store::Request& request : batch) {
    if (failure && !no_room_) {
      out.emplace_back(Reply{request.tag, refusal(*failure)});
      continue;
    }
    events_.clear();
    ReplyBody reply = std::visit([this](const auto& body) { return perform(body); }, request.body);
    out.emplace_back(Reply{request.tag, std::move(reply)});
    for (store::Event& event : events_) out.emplace_back(std::move(event));
  }
  return out;
}

template <typename Body>
MemoryStore::ReplyBody MemoryStore::once(const store::Numbered& once, AccountId account,
                                         Body&& body) {
  using Outcome = Repeated::Outcome;
  if (auto refused = refuse_unless_active(account)) return *refused;
  if (once.number == 0) return body();
  const auto device = devices_.find(once.device);
  if (device == devices_.end() || device->second.record.account != account) {
    return store::no_device();
  }
  auto& [record, outcomes] = device->second;
  if (once.number <= record.done) {
    if (record.done - once.number >= kRememberedRequests) return Repeated{Outcome::kForgotten};
    const auto found = outcomes.find(once.number);
    return Repeated{found != outcomes.end() ? found->second : Outcome::kRefused};
  }
  ReplyBody reply = body();
  if (is_disk_full(reply)) return reply;
  record.done = once.number;
  outcomes[once.number] = std::holds_alternative<Refused>(reply) ? Outcome::kFailed : Outcome::kOk;
  return reply;
}

MemoryStore::ReplyBody MemoryStore::perform(const store::AppendPost& request) {
  return once(request.once, request.author, [&]() -> ReplyBody {
    if (no_room_) return store::disk_full();
    const MessageId id = next_post_++;
    posts_[id] = {request.author, request.text, now_};
    events_.push_back(
        store::PostCommitted{{id, request.author, request.author_name, request.text, now_}});
    return Posted{id};
  });
}

MemoryStore::ReplyBody MemoryStore::perform(const store::Follow& request) {
  return once(request.once, request.follower, [&]() -> ReplyBody {
    if (no_room_) return store::disk_full();
    return follow(request.follower, request.target);
  });
}

MemoryStore::ReplyBody MemoryStore::perform(const store::Unfollow& request) {
  return once(request.once, request.follower,
              [&] { return unfollow(request.follower, request.target); });
}

MemoryStore::ReplyBody MemoryStore::follow(AccountId follower, const std::string& name) {
  const Account* target = find(name);
  if (target == nullptr || target->disabled) return store::no_account(name);
  if (follows_.contains({follower, target->id})) return Done{};
  if (followees_of(follower).size() >= options_.max_follows) {
    return store::too_many_follows(options_.max_follows);
  }
  follows_[{follower, target->id}] = next_post_ - 1;
  events_.push_back(FollowAdded{follower, target->id});
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::unfollow(AccountId follower, const std::string& name) {
  const Account* target = find(name);
  if (target == nullptr) return store::no_account(name);
  if (follows_.erase({follower, target->id}) == 0) return store::no_follow(name);
  events_.push_back(FollowRemoved{follower, target->id});
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::perform(const control::AddUser& request) {
  const auto id = ClientId::parse(request.name);
  if (!id) return store::bad_id();
  if (!request.verifier.kdf.is_valid()) return store::bad_verifier();
  if (find(request.name) != nullptr) return store::account_exists(request.name);
  if (retired_.contains(id->key())) return store::account_retired(request.name);
  accounts_[id->key()] = {next_account_++, id->text(), request.verifier, false, now_};
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::perform(const control::SetPassword& request) {
  if (!request.verifier.kdf.is_valid()) return store::bad_verifier();
  Account* account = find(request.name);
  if (account == nullptr) return store::no_account(request.name);
  account->verifier = request.verifier;
  erase_resume_keys(account->id);
  end_sessions(account->id);
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::perform(const control::DisableUser& request) {
  Account* account = find(request.name);
  if (account == nullptr) return store::no_account(request.name);
  account->disabled = true;
  events_.push_back(store::PostsHidden{account->id});
  erase_resume_keys(account->id);
  end_sessions(account->id);
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::perform(const control::EnableUser& request) {
  Account* account = find(request.name);
  if (account == nullptr) return store::no_account(request.name);
  account->disabled = false;
  events_.push_back(store::PostsShown{account->id});
  return Done{};
}

template <typename Predicate>
void MemoryStore::remove_follows(std::uint32_t& budget, Predicate&& chosen) {
  for (auto it = follows_.begin(); it != follows_.end() && budget > 0;) {
    if (!chosen(it->first)) {
      ++it;
      continue;
    }
    events_.push_back(FollowRemoved{it->first.first, it->first.second});
    it = follows_.erase(it);
    --budget;
  }
}

MemoryStore::ReplyBody MemoryStore::perform(const control::DeleteUser& request) {
  Account* account = find(request.name);
  if (account == nullptr) return store::no_account(request.name);
  const AccountId id = account->id;
  account->disabled = true;
  events_.push_back(store::PostsHidden{id});
  remove_devices(id);
  end_sessions(id);
  std::uint32_t budget = options_.delete_step;
  const auto is_own = [&](const auto& post) { return post.second.author == id; };
  bool is_more = true;
  while (is_more) {
    const auto newest = std::find_if(posts_.rbegin(), posts_.rend(), is_own);
    is_more = newest != posts_.rend() && budget > 0;
    if (is_more) {
      posts_.erase(std::prev(newest.base()));
      --budget;
    } else if (budget < options_.delete_step) {
      events_.push_back(
          store::PostsDeleted{id, newest != posts_.rend() ? newest->first : MessageId{0}});
    }
  }
  remove_follows(budget, [&](const auto& pair) { return pair.first == id; });
  remove_follows(budget, [&](const auto& pair) { return pair.second == id; });
  if (budget == 0) return Progress{std::any_of(posts_.begin(), posts_.end(), is_own) ? 1u : 0u};
  const std::string key = ClientId::parse(account->name)->key();
  retired_.insert(key);
  accounts_.erase(key);
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::perform(const control::DeletePost& request) {
  const auto post = posts_.find(request.id);
  if (post == posts_.end() || !post->second.text) return store::no_post(request.id);
  post->second.text.reset();
  events_.push_back(store::PostDeleted{request.id});
  return Done{};
}

MemoryStore::ReplyBody MemoryStore::perform(const control::EndSession& request) {
  const Account* account = find(request.name);
  if (account == nullptr) return store::no_account(request.name);
  if (end_sessions(account->id)) return Done{};
  events_.clear();
  return store::no_session(request.name);
}

Account* MemoryStore::find(std::string_view id) {
  const auto parsed = ClientId::parse(id);
  if (!parsed) return nullptr;
  const auto found = accounts_.find(parsed->key());
  return found != accounts_.end() ? &found->second : nullptr;
}

const Account* MemoryStore::get(AccountId id) const {
  const auto found = std::find_if(accounts_.begin(), accounts_.end(),
                                  [&](const auto& entry) { return entry.second.id == id; });
  return found != accounts_.end() ? &found->second : nullptr;
}

std::optional<Refused> MemoryStore::refuse_unless_active(AccountId id) const {
  const Account* account = get(id);
  if (account == nullptr) return store::no_account("");
  if (account->disabled) return store::account_disabled();
  return std::nullopt;
}

std::vector<store::Followee> MemoryStore::followees_of(AccountId follower) const {
  std::vector<store::Followee> out;
  for (auto it = follows_.lower_bound({follower, 0});
       it != follows_.end() && it->first.first == follower; ++it) {
    out.push_back({it->first.second, it->second});
  }
  return out;
}

bool MemoryStore::end_sessions(AccountId account) {
  events_.push_back(SessionsEnded{account});
  return std::erase_if(sessions_,
                       [&](const auto& entry) { return entry.second.account == account; }) > 0;
}

bool MemoryStore::is_due(AccountId follower, MessageId id, const StoredPost& post) const {
  const auto follow = follows_.find({follower, post.author});
  const Account* author = get(post.author);
  return follow != follows_.end() && id > follow->second && post.text && author != nullptr &&
         !author->disabled;
}

}  // namespace hub::test
