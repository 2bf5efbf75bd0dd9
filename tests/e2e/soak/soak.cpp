#include "tests/e2e/soak/soak.hpp"

#include <algorithm>
#include <csignal>
#include <iostream>
#include <utility>

#include <fmt/format.h>
#include <poll.h>

#include "protocol/failpoint.hpp"

namespace hub::test::soak {

using std::chrono::milliseconds;

namespace {

constexpr int kTurn = 5;  // ms, at most
constexpr milliseconds kGiveUpFailpoint{8000};
constexpr unsigned kClientKillEvery = 2500;  // ms, at most
constexpr unsigned kMostClientDead = 400;    // ms
// Of more than 1000 posts that are due at its login a follower gets the newest only, and says so to
// people alone. So nobody writes while somebody is further behind than this.
constexpr std::size_t kMostLag = 500;
constexpr unsigned kProgressEvery = 10;  // kills
const Weather kBadWeather{.loss = 0.1, .duplicate = 0.05, .jitter = 20, .damage = 0.01};

milliseconds since(Clock::time_point start, Clock::time_point now) {
  return std::chrono::duration_cast<milliseconds>(now - start);
}

}  // namespace

Soak::Soak(Options options)
    : options_(std::move(options)),
      random_(options_.seed),
      ledger_(options_.strict),
      hub_(options_.directory / "data", options_.directory / "hubd.log"),
      log_(options_.directory / "soak.log") {}

bool Soak::run() {
  try {
    prepare();
    for (unsigned i = 0; i < options_.kills && violations().empty(); ++i) {
      if (i == options_.kills / 2) backup_is_due_ = true;
      round(plan_kill(i, random_));
      if ((i + 1) % kProgressEvery == 0) {
        std::cerr << fmt::format("{} of {} kills, {} posts acknowledged\n", i + 1, options_.kills,
                                 ledger_.figures().acknowledged);
      }
    }
    if (violations().empty()) finish();
  } catch (const std::exception& error) {
    ledger_.violation(error.what());
  }
  return violations().empty();
}

/// Three who write and three who read; one of the writers reads the others too.
void Soak::prepare() {
  const std::vector<std::string> writers = {"writer1", "writer2", "writer3"};
  const std::vector<std::string> readers = {"reader1", "reader2", "reader3"};
  std::vector<std::string> accounts = writers;
  accounts.insert(accounts.end(), readers.begin(), readers.end());
  std::filesystem::create_directories(hub_.data());
  make_hub(hub_.data(), accounts);
  hub_.start();
  wait_for("hubd listens", [&] { return hub_.is_up(); });
  const std::string address = "127.0.0.1:" + std::to_string(hub_.port());
  if (options_.lossy) relay_ = std::make_unique<Relay>(address, Weather{}, options_.seed);
  for (const std::string& name : accounts) {
    Client::Role role;
    role.name = name;
    role.hub = address;
    role.directory = options_.directory / name;
    role.writes = name.starts_with("writer");
    if (!role.writes) role.follows = writers;
    if (name == "writer3") role.follows = {"writer1", "writer2"};
    if (relay_ && name.ends_with('2')) role.hub = relay_->address();
    clients_.push_back(std::make_unique<Client>(std::move(role), ledger_));
  }
  for (const auto& client : clients_) client->start();
  wait_for("everybody is logged in", [&] { return all_idle(); });
  // Only now: every post is due to every follower.
  for (const auto& client : clients_) client->keep_writing(true);
  may_kill_clients_ = options_.kill_clients;
  next_client_kill_ = Clock::now() + milliseconds(draw(random_, kClientKillEvery));
}

// --- a round: a start, a comeback, a kill ---

void Soak::round(const Kill& kill) {
  const Ledger::Figures before = ledger_.figures();
  ++round_;
  up_ = false;
  all_back_.reset();
  if (relay_) relay_->set(kill.bad_weather ? kBadWeather : Weather{});
  const auto start = Clock::now();
  log(fmt::format("round {}: kill {} {} {}", round_, kill.name, kill.failpoint,
                  kill.when == Kill::When::kFailpoint ? 0 : kill.after.count()));
  if (round_ > 1 || !kill.failpoint.empty()) {
    if (round_ == 1) hub_.kill();
    hub_.start(kill.failpoint);
  }
  while (!is_over(kill, start)) turn();
  turn_clients();
  for (Row* row : {&rows_[kill.name], &weather_.at(kill.bad_weather ? 1 : 0)}) {
    ++row->kills;
    row->acknowledged += ledger_.figures().acknowledged - before.acknowledged;
    row->delivered += ledger_.figures().delivered - before.delivered;
  }
  go_on_for(kill.downtime);
}

/// The hub is dead, by our hand or its own; or something is wrong.
bool Soak::is_over(const Kill& kill, Clock::time_point start) {
  const auto now = Clock::now();
  if (hub_.has_ended()) {
    on_death(kill);
    return true;
  }
  if (!up_ && hub_.is_up()) {
    up_ = true;
    log(fmt::format("up after {} ms", since(start, now).count()));
  }
  if (up_ && !all_back_) look_for_clients(kill, start);
  bool kills = false;
  switch (kill.when) {
    case Kill::When::kUnderLoad:
      kills = all_back_ && now >= *all_back_ + kill.after;
      break;
    case Kill::When::kComingBack:
      kills = now >= start + kill.after;
      break;
    case Kill::When::kFailpoint:
      kills = all_back_ && now >= *all_back_ + kGiveUpFailpoint;
      if (kills) ++rows_[kill.name].not_reached;
      break;
  }
  if (kills) {
    hub_.kill();
    log("killed");
  }
  return kills || !violations().empty();
}

void Soak::on_death(const Kill& kill) {
  const ExitCode exit = hub_.wait();
  log(fmt::format("hubd ended with {}", exit));
  if (exit != 128 + SIGKILL || kill.when != Kill::When::kFailpoint) {
    ledger_.violation(fmt::format("hubd ended by itself with {}:\n{}", exit, hub_.log()));
  }
}

void Soak::look_for_clients(const Kill& kill, Clock::time_point start) {
  const auto now = Clock::now();
  const auto limit = std::max<milliseconds>(options_.back_within, milliseconds(1));
  std::string missing;
  milliseconds slowest{0};
  for (const auto& client : clients_) {
    const auto back = client->back_in(round_);
    if (!back) {
      missing += " " + client->name();
    } else {
      slowest = std::max(slowest, since(std::max(start, client->started()), *back));
    }
  }
  if (missing.empty()) {
    all_back_ = now;
    log(fmt::format("all back after {} ms", slowest.count()));
    for (Row* row : {&rows_[kill.name], &weather_.at(kill.bad_weather ? 1 : 0)}) {
      row->slowest = std::max(row->slowest.value_or(milliseconds(0)), slowest);
    }
    if (slowest > limit) {
      ledger_.violation(fmt::format("a client needed {} ms to come back", slowest.count()));
    }
    compare();
    if (std::exchange(backup_is_due_, false)) begin_backup();
  } else if (now > start + 2 * limit) {
    ledger_.violation("not back:" + missing);
  }
}

void Soak::go_on_for(milliseconds time) {
  for (const auto end = Clock::now() + time; Clock::now() < end && violations().empty();) turn();
}

/// One more start, and every post must be answered and every line printed.
void Soak::finish() {
  ++round_;
  up_ = false;
  all_back_.reset();
  if (relay_) relay_->set({});
  const auto start = Clock::now();
  hub_.start();
  Kill none;
  none.name = "the end";
  wait_for("everybody is back", [&] {
    if (!up_ && hub_.is_up()) up_ = true;
    if (up_ && !all_back_) look_for_clients(none, start);
    return all_back_.has_value();
  });
  may_kill_clients_ = false;
  for (const auto& client : clients_) client->keep_writing(false);
  come_to_rest();
  wait_for("the backup is made", [&] { return backup_is_done(); });
  if (const ExitCode exit = hub_.stop(); exit != 0) {
    ledger_.violation(fmt::format("hubd exits with {}", exit));
  }
  ledger_.finish(read_posts(hub_.data(), 0));
  admin(hub_.data(), {"check"});
  compare_backup();
  go_back_to_backup();
}

void Soak::come_to_rest() {
  wait_for("every post is answered", [&] { return all_idle(); });
  wait_for("every post is printed", [&] {
    compare();
    return books_->everything_delivered();
  });
  for (const auto& client : clients_) client->ask_for_nothing();
  wait_for("nothing more is printed", [&] { return all_idle(); });
  compare();
}

bool Soak::all_idle() const {
  return std::all_of(clients_.begin(), clients_.end(),
                     [](const auto& client) { return client->is_idle(); });
}

void Soak::wait_for(const std::string& what, const std::function<bool()>& is_so) {
  const Deadline deadline;
  while (!is_so()) {
    if (hub_.has_ended()) throw Unexpected("hubd ended: " + hub_.log());
    if (deadline.over()) throw Unexpected("waited in vain: " + what);
    if (!books_->violations().empty()) throw Unexpected("while waiting until " + what);
    turn();
  }
}

// --- a turn of the loop ---

void Soak::turn() {
  std::vector<pollfd> fds = {{hub_.end_fd(), POLLIN, 0}};
  for (const auto& client : clients_) {
    for (const int fd : client->output_fds()) fds.push_back({fd, POLLIN, 0});
  }
  ::poll(fds.data(), fds.size(), kTurn);
  turn_clients();
  const auto now = Clock::now();
  revive_clients(now);
  if (may_kill_clients_ && now >= next_client_kill_) kill_a_client(now);
}

void Soak::turn_clients() {
  const bool may_write = books_->lag() < kMostLag;
  for (const auto& client : clients_) client->turn(round_, may_write);
}

void Soak::kill_a_client(Clock::time_point now) {
  next_client_kill_ = now + milliseconds(draw(random_, kClientKillEvery));
  Client& victim = *clients_.at(draw(random_, static_cast<unsigned>(clients_.size()) - 1));
  if (!victim.is_running()) return;
  log("kills " + victim.name());
  victim.kill();
  ++client_rows_["at random"].kills;
  revive_at_[&victim] = now + milliseconds(draw(random_, kMostClientDead));
}

void Soak::revive_clients(Clock::time_point now) {
  for (const auto& client : clients_) {
    if (!client->has_died()) continue;
    log(client->name() + " died at " + client->failpoint());
    const std::string& point = client->failpoint();
    ++client_rows_["at " + point.substr(0, point.find(':'))].kills;
    revive_at_[client.get()] = now + milliseconds(draw(random_, kMostClientDead));
  }
  for (auto at = revive_at_.begin(); at != revive_at_.end();) {
    if (now < at->second) {
      ++at;
      continue;
    }
    Client& client = *at->first;
    client.start(draw_client_failpoint(random_, client.follows(), client.writes()));
    log(client.name() + " starts, to die at " + client.failpoint());
    at = revive_at_.erase(at);
  }
}

/// What was acknowledged and printed so far, with what the database holds now.
void Soak::compare() {
  turn_clients();
  books_->stored(read_posts(hub_.data(), books_->last_stored()));
}

void Soak::log(const std::string& text) {
  const auto now = std::chrono::time_point_cast<milliseconds>(Clock::now());
  log_ << now.time_since_epoch().count() << ' ' << text << std::endl;
}

}  // namespace hub::test::soak
