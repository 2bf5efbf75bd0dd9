#include "tests/store/workload.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "store/maintenance.hpp"
#include "tests/store/stores.hpp"

namespace hub::test {

using namespace hub::store;
using control::Refusal;

namespace {

constexpr std::uint8_t kAnnsDevice = 1;

std::string other(int number) { return "f" + std::to_string(number); }
std::string fact(int batch, const std::string& what) { return std::to_string(batch) + '.' + what; }
Token old_session(int batch) { return 1000 + static_cast<Token>(batch); }
std::uint8_t device_of(int batch) { return static_cast<std::uint8_t>(10 + batch); }

Workload::Answer answer_in(const decltype(Reply::body)& reply) {
  const auto refusal = refusal_in(reply);
  if (!refusal) return Workload::Answer::kDone;
  if (*refusal == Refusal::kDiskFull) return Workload::Answer::kNoRoom;
  REQUIRE(*refusal == Refusal::kStoreFailed);
  return Workload::Answer::kFailed;
}

std::vector<StoredSession> all_sessions(Reader& reader) {
  const auto sessions = reader.sessions({}, 1000);
  REQUIRE(sessions.has_value());
  return *sessions;
}

}  // namespace

StoreOptions busy_options() {
  StoreOptions options;
  options.heads_interval = 7;
  options.checkpoints = {6, 60'000};
  return options;
}

/// The accounts' numbers and ann's device's, looked up once.
struct Workload::Names {
  Names(Reader& reader, int batches) {
    const auto number_of = [&](const std::string& name) {
      const auto account = reader.account(name);
      REQUIRE((account && *account));
      return (*account)->id;
    };
    ann = number_of("ann");
    const auto known = find_device(reader, "ann", dummy_device(kAnnsDevice));
    REQUIRE((known && *known));
    device = (*known)->device.number;
    for (int i = 0; i < batches; ++i) others.push_back(number_of(other(i)));
  }
  AccountId ann = 0;
  DeviceNumber device = 0;
  std::vector<AccountId> others;
};

void Workload::set_up(const std::filesystem::path& file) const {
  make_database(file);
  const auto store = SqliteStore::open(file);
  StoreVerbs verbs(*store);
  verbs.add("ann");
  verbs.follow("ann", "ann");
  verbs.open_sealed("ann", kAnnsDevice);
  for (int i = 0; i < size_.batches; ++i) {
    verbs.add(other(i));
    verbs.open_session(other(i), old_session(i));
  }
}

std::vector<std::pair<std::string, Request>> Workload::batch(const Names& names, int number) const {
  std::vector<std::pair<std::string, Request>> out;
  const auto add = [&](const std::string& what, decltype(Request::body) body) {
    out.emplace_back(fact(number, what), Request{out.size(), std::move(body)});
  };
  const auto text = [&](const std::string& what) {
    return fact(number, what) + ' ' + std::string(size_.text_size, 'x');
  };
  const AccountId them = names.others[static_cast<std::size_t>(number)];
  const auto sequence = 2 * static_cast<std::uint64_t>(number);
  add("post", AppendPost{names.ann, "ann", text("post"), {names.device, sequence + 1}});
  OpenSession login;
  login.session.account = them;
  login.session.framing = Framing::kSealed;
  login.session.token = device_of(number);
  login.device = DeviceLogin{dummy_device(device_of(number)), dummy_resume_key(device_of(number)),
                             DeviceLogin::Proof::kPassword};
  add("session", login);
  add("follow", Follow{names.ann, other(number), {names.device, sequence + 2}});
  CloseSession close;
  close.account = them;
  close.token = old_session(number);
  add("closed", close);
  for (int i = 0; i < size_.posts; ++i) {
    const std::string what = "plain" + std::to_string(i);
    add(what, AppendPost{names.ann, "ann", text(what), {}});
  }
  return out;
}

void Workload::run(Store& store, Answers& answers, const std::function<void(int)>& between) const {
  const Names names(*store.open_reader(), size_.batches);
  WallTime now{std::chrono::seconds(1'700'000'000)};
  for (int number = 0; number < size_.batches; ++number) {
    const auto asked = batch(names, number);
    std::vector<Request> requests;
    for (const auto& each : asked) requests.push_back(each.second);
    now += std::chrono::seconds(1);
    std::size_t next = 0;
    std::size_t events = 0;
    for (const Output& output : store.apply(requests, now)) {
      const auto* reply = std::get_if<Reply>(&output);
      if (reply == nullptr) {
        ++events;
        continue;
      }
      REQUIRE(reply->tag == next);
      answers[asked.at(next++).first] = answer_in(reply->body);
    }
    REQUIRE(next == asked.size());
    const auto heard_of = std::ranges::count_if(asked, [&](const auto& each) {
      return answers[each.first] == Answer::kDone && is_growth(each.first);
    });
    REQUIRE(events == static_cast<std::size_t>(heard_of));
    store.maintain(now);
    if (between) between(number);
  }
}

bool Workload::is_growth(const std::string& fact) {
  return !fact.ends_with(".session") && !fact.ends_with(".closed");
}

Workload::Facts Workload::facts(Reader& reader) const {
  const Names names(reader, size_.batches);
  Facts out;
  const auto posts = reader.retrieve(names.ann, 1'000'000, 0);
  REQUIRE(posts.has_value());
  for (const Post& post : *posts) {
    REQUIRE(out.insert(post.text.substr(0, post.text.find(' '))).second);
  }
  const auto followees = reader.followees(names.ann);
  REQUIRE(followees.has_value());
  const auto sessions = all_sessions(reader);
  for (int i = 0; i < size_.batches; ++i) {
    const AccountId them = names.others[static_cast<std::size_t>(i)];
    const auto has_session = [&](Framing framing, std::uint64_t token) {
      return std::ranges::any_of(sessions, [&](const StoredSession& session) {
        return session.account == them && session.framing == framing && session.token == token;
      });
    };
    if (std::ranges::count(accounts_of(*followees), them) > 0) out.insert(fact(i, "follow"));
    if (has_session(Framing::kSealed, device_of(i))) out.insert(fact(i, "session"));
    if (!has_session(Framing::kClassic, old_session(i))) out.insert(fact(i, "closed"));
  }
  return out;
}

Workload::Facts Workload::done(const Answers& answers) {
  Facts out;
  for (const auto& [fact, answer] : answers) {
    if (answer == Answer::kDone) out.insert(fact);
  }
  return out;
}

/// Of a batch's facts, those left out that the disk had no room for, all are there or none is.
void Workload::require_whole(const Facts& there, const Answers& answers) const {
  std::map<std::string, std::size_t> counts;
  std::map<std::string, std::size_t> refused;
  const auto batch_of = [](const std::string& fact) { return fact.substr(0, fact.find('.')); };
  for (const std::string& fact : there) ++counts[batch_of(fact)];
  for (const auto& [fact, answer] : answers) {
    if (answer == Answer::kNoRoom) ++refused[batch_of(fact)];
  }
  for (const auto& [batch, count] : counts) {
    CAPTURE(batch);
    REQUIRE(count + refused[batch] == facts_of_a_batch());
  }
}

void Workload::require_sound(const std::filesystem::path& file, const Answers& answers) const {
  const auto problems = check(file);
  CAPTURE(problems);
  REQUIRE(problems.empty());
  const auto store = SqliteStore::open(file, busy_options());
  StoreVerbs verbs(*store);
  const Facts there = facts(verbs.reader());
  for (const auto& [fact, answer] : answers) {
    CAPTURE(fact);
    if (answer == Answer::kDone) REQUIRE(there.contains(fact));
    if (answer == Answer::kNoRoom) REQUIRE_FALSE(there.contains(fact));
  }
  require_whole(there, answers);

  const Names names(verbs.reader(), size_.batches);
  for (int number = 0; number < size_.batches; ++number) {
    for (auto& [fact, request] : batch(names, number)) {
      const auto answer = answers.find(fact);
      const bool was_refused = answer != answers.end() && answer->second == Answer::kNoRoom;
      const auto* post = std::get_if<AppendPost>(&request.body);
      const auto* follow = std::get_if<Follow>(&request.body);
      const bool is_numbered = (post != nullptr && post->once.number != 0) || follow != nullptr;
      if (!is_numbered || was_refused) continue;  // a refusal is final
      CAPTURE(fact);
      const auto reply = verbs.ask(request.body);
      REQUIRE(repeated_in(reply).has_value() == there.contains(fact));
      REQUIRE(repeated_in(reply).value_or(Repeated::Outcome::kOk) == Repeated::Outcome::kOk);
      REQUIRE_FALSE(refusal_in(reply));
    }
  }
  const Facts now = facts(verbs.reader());  // none twice
  for (const auto& [fact, answer] : answers) {
    CAPTURE(fact);
    if (answer == Answer::kNoRoom) REQUIRE_FALSE(now.contains(fact));
  }
  REQUIRE(verbs.post("ann", "new") > 0);
}

}  // namespace hub::test
