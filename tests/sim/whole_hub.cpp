#include "tests/sim/whole_hub.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include <unistd.h>

#include "protocol/limits.hpp"
#include "store/maintenance.hpp"
#include "tests/support/raw_database.hpp"
#include "tests/support/temp_directory.hpp"

namespace hub::test {

using namespace std::chrono_literals;

namespace {

const Endpoint& hub_at() {
  static const Endpoint at{IpAddress::v4(192, 0, 2, 1), 32000, 0};
  return at;
}

constexpr KdfParams kCheap{kMinKdfMemory, kMinKdfPasses};
const char* const kEverybody[] = {"ann", "bob", "cid", "dee", "eve", "fay", "gus"};

constexpr const char* kJournal = R"sql(
CREATE TABLE journal (seq INTEGER PRIMARY KEY, at INTEGER, what TEXT, a INTEGER, b INTEGER, text TEXT);
CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT);
CREATE TRIGGER names_of_all AFTER INSERT ON accounts BEGIN
  INSERT INTO names VALUES (NEW.id, NEW.name);
END;
CREATE TRIGGER journal_post AFTER INSERT ON posts BEGIN
  INSERT INTO journal (at, what, a, b, text) VALUES
    (CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER), 'post', NEW.author, NEW.id, NEW.text);
END;
CREATE TRIGGER journal_deleted AFTER UPDATE OF text ON posts WHEN NEW.text IS NULL BEGIN
  INSERT INTO journal (at, what, a, b, text) VALUES
    (CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER), 'deleted', NEW.author, NEW.id, OLD.text);
END;
CREATE TRIGGER journal_gone AFTER DELETE ON posts WHEN OLD.text IS NOT NULL BEGIN
  INSERT INTO journal (at, what, a, b, text) VALUES
    (CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER), 'deleted', OLD.author, OLD.id, OLD.text);
END;
CREATE TRIGGER journal_follow AFTER INSERT ON follows BEGIN
  INSERT INTO journal (at, what, a, b) VALUES
    (CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER), 'follow', NEW.follower, NEW.followee);
END;
CREATE TRIGGER journal_unfollow AFTER DELETE ON follows BEGIN
  INSERT INTO journal (at, what, a, b) VALUES
    (CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER), 'unfollow', OLD.follower, OLD.followee);
END;
CREATE TRIGGER journal_disabled AFTER UPDATE OF disabled ON accounts WHEN NEW.disabled <> OLD.disabled BEGIN
  INSERT INTO journal (at, what, a, b) VALUES
    (CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS INTEGER),
     CASE WHEN NEW.disabled THEN 'disable' ELSE 'enable' END, NEW.id, 0);
END;
)sql";

/// Whoever opens a database asks the real file system first whether there is one: the file of the
/// template stands there for all worlds.
struct Template {
  TempDirectory directory;
  std::string file = (directory / "hub.db").string();
  SimDisk::Contents contents;

  Template() {
    SeededRandom random(1);
    store::create_database(file, kCheap, random);
    RawDatabase(file).run(kJournal);
    {
      const auto store = store::SqliteStore::open(file);
      std::vector<store::Request> requests;
      for (const char* name : kEverybody) {
        const auto verifier = make_verifier(first_password(name), kCheap, random);
        requests.push_back({0, control::AddUser{name, verifier.value()}});
      }
      store->apply(requests, {});
    }
    std::ifstream in(file, std::ios::binary);
    contents.assign(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
};

const Template& the_template() {
  static const Template made;
  return made;
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> out(1);
  for (const char c : text) {
    if (c == at) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

Commit::What what_of(const std::string& word) {
  if (word == "post") return Commit::What::kPost;
  if (word == "deleted") return Commit::What::kDeleted;
  if (word == "follow") return Commit::What::kFollow;
  if (word == "unfollow") return Commit::What::kUnfollow;
  return word == "disable" ? Commit::What::kDisable : Commit::What::kEnable;
}

/// Worth asking again.
bool may_pass(const control::Reply& reply) {
  const auto* refused = std::get_if<control::Refused>(&reply);
  return refused != nullptr && store::is_store_failure(*refused);
}

store::StoreOptions options_of(const Script& script) {
  store::StoreOptions options;
  options.heads_interval = script.heads_interval;
  options.max_devices = script.max_devices;
  options.delete_step = script.delete_step;
  if (script.seed % 2 == 0) {
    options.checkpoints.pages = 50;
    options.checkpoints.preallocate = true;
  }
  return options;
}

}  // namespace

std::string first_password(const std::string& account) { return account + "_pw"; }

void HubMachine::prepare() { the_template(); }

HubMachine::HubMachine(SimNet& net, const Script& script, Log& log)
    : net_(net), script_(script), log_(log), disk_(script.seed) {
  disk_.set_clock([&net] { return net.now().wall; });
  disk_.put(the_template().file, the_template().contents);
  store_ = store::SqliteStore::open(the_template().file, options_of(script));
  host_ = std::make_unique<HubHost>(net, hub_at(), script.config, *store_);
  host_->delays() = script.delays;
  host_->on_send = [this](const Path&, Bytes) {
    if (datagrams_left_ && (*datagrams_left_)-- == 0) {
      datagrams_left_.reset();
      std::exchange(at_last_datagram_, nullptr)();
    }
  };
  log_.add(Sight::What::kHubUp);
}

HubMachine::~HubMachine() {
  host_.reset();
  store_.reset();
}

const Endpoint& HubMachine::endpoint() const { return hub_at(); }

// --- Its end, and the next beginning ---

void HubMachine::crash(const Action& action) {
  if (!is_up()) return;
  const bool is_cut = action.deed == Deed::kCutHub;
  const auto now = [this, is_cut, down = action.lasts] {
    die(is_cut ? SimDisk::Crash::kPowerCut : SimDisk::Crash::kKill, down,
        is_cut ? "power cut" : "killed");
  };
  if (action.where == Where::kNow) return now();
  if (action.where == Where::kDisk) {
    disk_.stop_after(action.count, now);
  } else {
    datagrams_left_ = action.count;
    at_last_datagram_ = now;
  }
  // At the latest then.
  net_.after(2s, [this, life = life_, now] {
    if (life == life_) now();
  });
}

void HubMachine::die(SimDisk::Crash crash, Duration down, const char* how) {
  if (!is_up()) return;
  ++life_;
  host_->die();
  disk_.stop();
  datagrams_left_.reset();
  last_crash_ = crash;
  log_.add(Sight::What::kHubDown, -1, how);
  net_.after(calm_ ? std::min<Duration>(down, 1s) : down, [this] { start(); });
}

void HubMachine::start() {
  if (is_up()) return;
  host_->bury();
  store_.reset();
  disk_.restart(last_crash_);
  last_crash_ = SimDisk::Crash::kKill;  // if it cannot start
  try {
    if (std::exchange(restoring_, false)) {
      undone_.push_back(journal());
      for (const char* suffix : {"-wal", "-journal"}) disk_.remove(the_template().file + suffix);
      disk_.put(the_template().file, *backup_);
      log_.add(Sight::What::kRestored);
      restored_ = true;
    }
    store_ = store::SqliteStore::open(the_template().file, options_of(script_));
    host_->revive(*store_);
    log_.add(Sight::What::kHubUp);
    if (std::exchange(restored_, false)) on_restored();
  } catch (const std::exception& error) {
    // As systemd does: again and again.
    log_.add(Sight::What::kHubDown, -1, std::string("cannot start: ") + error.what());
    host_->die();
    net_.after(1s, [this] { start(); });
  }
}

void HubMachine::fail_disk(const Action& action) {
  if (disk_.is_stopped()) return;
  const bool is_full = action.failure == SimDisk::Failure::kFull;
  disk_.fail_after(action.count, action.failure, action.lasting);
  const auto failures = disk_.failures();
  log_.add(Sight::What::kDiskFails, -1, is_full ? "full" : "errors");
  net_.after(action.lasts, [this, is_full, failures, turn = ++failing_] {
    if (turn != failing_) return;
    disk_.repair();
    log_.add(Sight::What::kDiskWorks);
    // After an error writes have stopped until somebody starts it again.
    if (!is_full && disk_.failures() > failures) {
      die(SimDisk::Crash::kKill, 500ms, "stopped after errors of the disk");
    }
  });
}

void HubMachine::calm() {
  calm_ = true;
  ++failing_;
  const bool has_failed = disk_.failures() > 0;
  disk_.repair();
  log_.add(Sight::What::kDiskWorks);
  if (has_failed) die(SimDisk::Crash::kKill, 500ms, "stopped after errors of the disk");
}

// --- What an administrator does ---

void HubMachine::order(const control::Command& command, const std::string& name,
                       std::function<void()> done) {
  const auto again = [this, command, name, done] {
    net_.after(1s, [this, command, name, done] { order(command, name, done); });
  };
  if (!is_up()) return again();
  log_.add(Sight::What::kOrdered, -1, name);
  const auto answered = std::make_shared<bool>(false);
  host_->order(command, [this, answered, again, command, name, done](const control::Reply& reply) {
    *answered = true;
    if (may_pass(reply)) return again();
    if (std::holds_alternative<control::Progress>(reply)) {
      net_.after(1ms, [this, command, name, done] { order(command, name, done); });
      return;
    }
    log_.add(Sight::What::kDone, -1, name);
    if (done) done();
  });
  net_.after(3s, [answered, again] {
    if (!*answered) again();
  });
}

void HubMachine::delete_post(std::uint64_t back) {
  if (!is_up()) return;
  const auto counts = store_->open_reader()->counts();
  if (!counts || counts->last_post < back) return;
  const MessageId id = counts->last_post - back + 1;
  order(control::DeletePost{id}, "delete-post " + std::to_string(id));
}

void HubMachine::forget_device(const std::string& name, std::uint64_t which) {
  if (!is_up()) return;
  const auto reader = store_->open_reader();
  const auto account = reader->account(name);
  if (!account || !*account) return;
  const auto devices = reader->devices((*account)->id);
  if (!devices || devices->empty()) return;
  order(control::ForgetDevice{name, devices->at(which % devices->size()).id},
        "forget-device " + name);
}

void HubMachine::import(const std::string& author, const std::vector<std::string>& texts) {
  if (!is_up()) return;
  const auto account = store_->open_reader()->account(author);
  if (!account || !*account) return;
  for (const std::string& text : texts) {
    host_->write(store::AppendPost{(*account)->id, author, text});
  }
}

void HubMachine::back_up() {
  if (!is_up()) return;
  // The names are in the real file system, as the database's own is. Pages go where SQLite has them
  // go: to the simulated disk, which knows the file by the name that it has until it is whole.
  const std::string pid = std::to_string(::getpid());
  const std::string copy = the_template().directory / ("backup." + pid);
  const std::string part = copy + "." + pid + ".part";
  const auto failures = disk_.failures();
  disk_.put(part, {});
  try {
    store::backup(the_template().file, copy);
    backup_ = disk_.contents(part);
  } catch (const std::runtime_error&) {
    if (disk_.failures() == failures && !disk_.is_stopped()) throw;
  }
  for (const char* suffix : {"", "-wal", "-journal"}) disk_.remove(part + suffix);
  std::filesystem::remove(copy);
}

void HubMachine::restore() {
  if (!backup_ || !is_up()) return;
  restoring_ = true;
  die(SimDisk::Crash::kKill, 1s, "stopped for a restore");
}

// --- The end ---

std::vector<Commit> HubMachine::journal() const {
  const auto wall_begin =
      net_.now().wall - std::chrono::duration_cast<std::chrono::microseconds>(log_.now());
  std::vector<Commit> out;
  const std::string rows = RawDatabase(the_template().file)
                               .text(
                                   "SELECT j.at || '|' || j.what || '|' || a.name || '|' ||"
                                   " ifnull(b.name, '') || '|' || ifnull(j.text, '') || '|' || j.b"
                                   " FROM journal j JOIN names a ON a.id = j.a"
                                   " LEFT JOIN names b ON b.id = j.b AND j.what LIKE '%follow'"
                                   " ORDER BY j.seq");
  if (rows.empty()) return out;
  for (const std::string& row : split(rows, '\n')) {
    const auto fields = split(row, '|');
    Commit commit;
    const WallTime at{std::chrono::milliseconds(std::stoll(fields.at(0)))};
    commit.at = at - wall_begin;
    commit.what = what_of(fields.at(1));
    commit.who = fields.at(2);
    commit.whom = fields.at(3);
    commit.text = fields.at(4);
    commit.id = std::stoull(fields.at(5));
    out.push_back(std::move(commit));
  }
  return out;
}

void HubMachine::close(History& history) {
  host_->die();
  host_->bury();
  store_.reset();
  if (disk_.is_stopped()) disk_.restart(SimDisk::Crash::kKill);
  const std::string checked = RawDatabase(the_template().file).text("PRAGMA integrity_check");
  if (checked != "ok") history.damage.push_back(checked);
  for (auto& problem : store::check(the_template().file)) history.damage.push_back(problem);
  history.commits = journal();
  history.undone = std::move(undone_);
}

}  // namespace hub::test
