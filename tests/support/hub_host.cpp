#include "tests/support/hub_host.hpp"

#include <stdexcept>
#include <utility>

#include "protocol/client_id.hpp"
#include "protocol/limits.hpp"
#include "server/core/recent_posts.hpp"
#include "tests/support/store_verbs.hpp"

namespace hub::test {

namespace {

constexpr KdfParams kCheap{kMinKdfMemory, kMinKdfPasses};

template <typename T>
T must(store::Read<T> read) {
  if (!read) throw std::runtime_error("the store cannot be read: " + read.error().message);
  return *std::move(read);
}

}  // namespace

HubHost::HubHost(SimNet& net, const Endpoint& at, const server::HubConfig& config,
                 store::Store& store)
    : net_(net), at_(at), config_(config), store_(&store), random_(net.seed() ^ 0x5EED) {
  keys_on_disk_.accepted.push_back(generate_key_pair(random_));
  random_.fill(identity_.reset_key);
  identity_.keys = keys_on_disk_;
  start();
}

HubHost::~HubHost() {
  net_.detach(at_);
  if (also_at_) net_.detach(*also_at_);
}

void HubHost::start() {
  reader_ = store_->open_reader();
  read_server_.emplace(store_->open_reader(), [this] { return keys_on_disk_; });
  identity_.keys = keys_on_disk_;
  identity_.history_id = must(reader_->info()).history_id;
  hub_ = std::make_unique<server::Hub>(config_, identity_, random_, counters_);
  ++identity_.generation;
  std::vector<server::RestoredSession> stored;
  for (auto& session : must(reader_->sessions({}, 1'000'000))) {
    auto followees = must(reader_->followees(session.account));
    stored.push_back({std::move(session), std::move(followees)});
  }
  server::RestoredHistory history;
  history.newest = must(reader_->last_post());
  history.end = must(reader_->history_end(config_.recent_posts, server::RecentPosts::kMostBytes));
  hub_->restore(history, stored, net_.now());
  listen(at_);
  if (also_at_) listen(*also_at_);
  turn();
}

void HubHost::listen(const Endpoint& at) {
  net_.attach(at, [this](const Endpoint& from, const Endpoint& to, Bytes bytes) {
    hub_->on_datagram({to, from}, bytes, net_.now());
    turn();
  });
}

void HubHost::listen_also(const Endpoint& at) {
  also_at_ = at;
  listen(at);
}

void HubHost::restart() {
  die();
  bury();
  revive(*store_);
}

void HubHost::die() {
  if (!std::exchange(alive_, false)) return;
  ++life_;
  net_.detach(at_);
  if (also_at_) net_.detach(*also_at_);
  inbox_.clear();
  reads_.clear();
  reader_free_at_ = {};
  ordered_.clear();
  commit_scheduled_ = false;
  armed_.reset();
}

void HubHost::bury() {
  hub_.reset();
  reader_.reset();
  read_server_.reset();
}

void HubHost::revive(store::Store& store) {
  store_ = &store;
  alive_ = true;
  start();
}

void HubHost::later(Duration wait, std::function<void()> what) {
  net_.after(wait, [this, life = life_, what = std::move(what)] {
    if (life == life_) what();
  });
}

void HubHost::turn() {
  server::Outbox& out = hub_->end_turn(net_.now());
  for (const auto& entry : out.datagrams.entries()) {
    const Bytes bytes = out.datagrams.bytes_of(entry);
    if (on_send) on_send(entry.path, bytes);
    if (!alive_) return;
    net_.send(entry.path.local, entry.path.remote, bytes);
  }
  if (on_job) {
    for (const auto& request : out.writes) on_job("write", request.body.index());
    for (std::size_t i = 0; i < out.checks.size(); ++i) on_job("check", 0);
    for (const auto& job : out.reads) on_job("read", job.index());
  }
  for (auto& request : out.writes) inbox_.push_back(std::move(request));
  for (const auto& asked : out.checks) {
    later(delays_.check, [this, asked] { check(asked); });
  }
  for (const auto& job : out.reads) {
    if (reads_held_) {
      reads_.push_back(job);
    } else {
      begin_read(job);
    }
  }
  for (auto& line : out.log) log_.push_back(std::move(line.text));
  const std::vector<server::ControlAnswer> answers = std::exchange(out.answers, {});
  out.clear();
  if (!inbox_.empty() && !commit_scheduled_ && !commits_held_) {
    commit_scheduled_ = true;
    later(delays_.commit, [this] { commit(); });
  }
  arm_timer();
  for (const auto& answer : answers) {
    const auto asked = ordered_.extract(answer.tag);
    if (!asked.empty()) asked.mapped()(answer.reply);
  }
}

void HubHost::write(decltype(store::Request::body) body) {
  inbox_.push_back({0, std::move(body)});
  turn();
}

void HubHost::commit() {
  commit_scheduled_ = false;
  std::vector<store::Request> batch = std::exchange(inbox_, {});
  auto outputs = store_->apply(batch, net_.now().wall);
  if (!alive_) return;
  if (delays_.outputs == Duration::zero()) {
    hear(outputs);
  } else {
    later(delays_.outputs, [this, heard = std::move(outputs)] { hear(heard); });
  }
}

void HubHost::hear(const std::vector<store::Output>& outputs) {
  for (const auto& output : outputs) hub_->on_store_output(output, net_.now());
  store_->maintain(net_.now().wall);
  if (!alive_) return;
  hub_->on_store_health(store_->health());
  turn();
}

void HubHost::check(const server::LoginCheck& asked) {
  server::LoginVerdict verdict;
  verdict.tag = asked.tag;
  verdict.outcome = server::LoginVerdict::Outcome::kWrong;
  const auto account = must(reader_->account(asked.id));
  if (account && !account->disabled &&
      check_password(asked.password, account->verifier) == PasswordCheck::kRight) {
    verdict.outcome = server::LoginVerdict::Outcome::kRight;
    verdict.account = account->id;
    verdict.name = account->name;
  }
  hub_->on_verdict(verdict, net_.now());
  turn();
}

void HubHost::begin_read(const server::ReadJob& job) {
  Duration wait = delays_.read;
  if (delays_.one_reader) {
    reader_free_at_ = std::max(reader_free_at_, net_.now().mono) + delays_.read;
    wait = reader_free_at_ - net_.now().mono;
  }
  if (delays_.read_first) {
    later(wait, [this, result = read_server_->perform(job)] { hand_over(result); });
  } else {
    later(wait, [this, job] { read(job); });
  }
}

void HubHost::write_beside(std::span<const store::Request> batch) {
  for (const auto& output :
       test::apply(*store_, std::vector(batch.begin(), batch.end()), net_.now().wall)) {
    hub_->on_store_output(output, net_.now());
  }
  turn();
}

void HubHost::read(const server::ReadJob& job) { hand_over(read_server_->perform(job)); }

void HubHost::hand_over(const server::ReadResult& result) {
  hub_->on_read(result, net_.now());
  turn();
}

void HubHost::hold_commits(bool held) {
  commits_held_ = held;
  turn();
}

void HubHost::hold_reads(bool held) {
  reads_held_ = held;
  if (held) return;
  for (const auto& job : std::exchange(reads_, {})) begin_read(job);
}

void HubHost::arm_timer() {
  const auto next = hub_->next_timeout();
  if (!next || (armed_ && *armed_ <= *next && *armed_ >= net_.now().mono)) return;
  armed_ = next;
  net_.at(*next, [this, life = life_, when = *next] {
    if (life != life_ || armed_ != when) return;
    armed_.reset();
    hub_->on_timeout(net_.now());
    turn();
  });
}

void HubHost::order(const control::Command& command,
                    std::function<void(const control::Reply&)> answered) {
  const server::ControlTag tag = next_control_++;
  ordered_.emplace(tag, std::move(answered));
  hub_->on_control(tag, command, net_.now());
  turn();
}

control::Reply HubHost::ask(const control::Command& command) {
  const auto reply = std::make_shared<std::optional<control::Reply>>();
  order(command, [reply](const control::Reply& answer) { *reply = answer; });
  if (!net_.run_until([&] { return reply->has_value(); }, std::chrono::seconds(10))) {
    throw std::runtime_error("the hub did not answer a control command");
  }
  return **reply;
}

void HubHost::add_user(const std::string& name, const std::string& password) {
  const auto verifier = make_verifier(password, kCheap, random_);
  if (!verifier) throw std::runtime_error("no verifier");
  const auto reply = ask(control::AddUser{name, *verifier});
  if (!std::holds_alternative<control::Done>(reply)) {
    throw std::runtime_error("cannot add " + name);
  }
}

}  // namespace hub::test
