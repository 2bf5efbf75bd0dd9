#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/load/database.hpp"
#include "protocol/classic.hpp"
#include "server/core/follow_index.hpp"
#include "server/core/hub.hpp"
#include "server/core/recent_posts.hpp"
#include "server/core/session_table.hpp"

namespace hub::bench {
namespace {

using namespace std::chrono_literals;
using namespace hub::server;

constexpr AccountId kAuthor = 1;

Path path_of(AccountId account) {
  const auto number = static_cast<std::uint64_t>(account);
  Path path;
  path.local = {IpAddress::v4(127, 0, 0, 1), 32000, 0};
  path.remote = {IpAddress::v4(127, 0, static_cast<std::uint8_t>(number >> 8),
                               static_cast<std::uint8_t>(number)),
                 static_cast<std::uint16_t>(1024 + number % 60'000), 0};
  return path;
}

/// Scattered over 32 bits, as random tokens are; no two accounts get the same.
Token token_of(AccountId account) { return static_cast<Token>(account) * 0x9E3779B1u; }

store::StoredSession record_of(AccountId account) {
  store::StoredSession out;
  out.account = account;
  out.name = user_name(static_cast<std::size_t>(account));
  out.token = token_of(account);
  out.remote = path_of(account).remote;
  out.local = path_of(account).local;
  out.magic = classic::kMagic;
  return out;
}

Now at(Duration since_start) { return {TimePoint{} + 1h + since_start, WallTime{} + 1h}; }

// --- Follow index: 10,000 accounts online, each following 100 of them ---

constexpr AccountId kAccounts = 10'000;

std::vector<store::Followee> followees_of(AccountId account) {
  std::vector<store::Followee> out;
  for (AccountId i = 0; i < 100; ++i) {
    out.push_back({1 + (account * 7919 + i * 97) % kAccounts, 0});
  }
  return out;
}

FollowIndex full_index() {
  FollowIndex index;
  for (AccountId account = 1; account <= kAccounts; ++account) {
    index.add_account(account, followees_of(account));
  }
  return index;
}

void follow_index_lookup(benchmark::State& state) {
  const FollowIndex index = full_index();
  AccountId author = 1;
  for (auto _ : state) {
    benchmark::DoNotOptimize(index.online_followers(author).data());
    author = 1 + (author * 7919) % kAccounts;
  }
}
BENCHMARK(follow_index_lookup);

void follow_index_online_offline(benchmark::State& state) {
  FollowIndex index = full_index();
  AccountId account = 1;
  for (auto _ : state) {
    index.remove_account(account);
    index.add_account(account, followees_of(account));
    account = 1 + (account * 7919) % kAccounts;
  }
}
BENCHMARK(follow_index_online_offline);

// --- Recent posts, by as many authors in turn ---

void recent_retrieve_20(benchmark::State& state) {
  const std::uint32_t posts = HubConfig{}.recent_posts;
  RecentPosts recent(posts);
  for (MessageId id = 1; id <= posts; ++id) {
    recent.add({{id, 1 + static_cast<AccountId>(id * 7919 % kAccounts), {}, {}, {}}}, {});
  }
  std::vector<store::Followee> followees;
  for (AccountId i = 0; i < state.range(0); ++i) followees.push_back({1 + i * 97 % kAccounts, 0});
  for (auto _ : state) benchmark::DoNotOptimize(recent.newest_of(followees, 20, 0));
}
BENCHMARK(recent_retrieve_20)->Arg(10)->Arg(100)->Arg(1000);

// --- Session table ---

void session_touch(benchmark::State& state) {
  SessionTable table;
  const AccountId sessions = state.range(0);
  for (AccountId i = 1; i <= sessions; ++i) table.add(record_of(i), at(0s));
  AccountId account = 1;
  for (auto _ : state) {
    Session* session = table.by_token(token_of(account));
    table.touch(*session, at(1s));
    account = 1 + (account * 7919) % sessions;
  }
}
BENCHMARK(session_touch)->Arg(1000)->Arg(100'000);

/// Items are sessions: each becomes live, is found the longest silent and removed.
void session_expire(benchmark::State& state) {
  const AccountId sessions = state.range(0);
  for (auto _ : state) {
    SessionTable table;
    for (AccountId i = 1; i <= sessions; ++i) table.add(record_of(i), at(0s));
    while (Session* oldest = table.least_recent()) table.remove(*oldest);
  }
  state.SetItemsProcessed(state.iterations() * sessions);
}
BENCHMARK(session_expire)->Arg(1000)->Arg(100'000)->Unit(benchmark::kMillisecond);

// --- The core ---

/// An author and followers online, without sockets or store.
class Audience {
 public:
  explicit Audience(AccountId followers) : followers_(followers) {
    std::vector<RestoredSession> sessions = {{record_of(kAuthor), {}}};
    for (AccountId i = 0; i < followers; ++i) {
      sessions.push_back({record_of(kAuthor + 1 + i), {{kAuthor, 0}}});
    }
    hub_.restore({}, sessions, at(0s));
  }

  /// The committed post becomes a forward to each.
  void forward() {
    ++last_id_;
    hub_.on_store_output(
        store::Event(store::PostCommitted{{last_id_, kAuthor, "u1", text_, at(0s).wall}}), at(0s));
    benchmark::DoNotOptimize(hub_.end_turn(at(0s)).datagrams.entries().size());
    hub_.end_turn(at(0s)).clear();
  }

  void acknowledge() {
    for (AccountId i = 0; i < followers_; ++i) {
      const AccountId account = kAuthor + 1 + i;
      classic::Header header;
      header.opcode = Opcode::kForwardAck;
      header.token = token_of(account);
      header.msg_id = static_cast<std::uint32_t>(last_id_);
      bytes_.clear();
      classic::encode(header, {}, bytes_);
      hub_.on_datagram(path_of(account), bytes_, at(0s));
    }
  }

 private:
  const AccountId followers_;
  const std::string text_ = text_of(100);
  SystemRandom random_;
  Counters counters_;
  Hub hub_{HubConfig{}, {{{generate_key_pair(random_)}, {}}, {}, 0}, random_, counters_};
  MessageId last_id_ = 0;
  std::vector<std::uint8_t> bytes_;
};

/// Items are forwards: one committed post to all followers.
void core_fan_out(benchmark::State& state) {
  Audience audience(state.range(0));
  for (auto _ : state) {
    audience.forward();
    state.PauseTiming();
    audience.acknowledge();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(core_fan_out)->Arg(1000)->Unit(benchmark::kMicrosecond);

/// The same with the acknowledgement of each forward, as the hub sees it under load.
void core_fan_out_and_acks(benchmark::State& state) {
  Audience audience(state.range(0));
  for (auto _ : state) {
    audience.forward();
    audience.acknowledge();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(core_fan_out_and_acks)->Arg(1000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace hub::bench
