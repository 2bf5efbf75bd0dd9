// Runs the real hub core on a simulated network: what the reactor and its threads do in hubd, done
// in virtual time. The store is whichever it is given.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/core/hub.hpp"
#include "server/net/read_server.hpp"
#include "store/store.hpp"
#include "tests/support/sim_net.hpp"

namespace hub::test {

/// How long the work outside the core takes.
struct HostDelays {
  Duration commit{0};
  Duration check{0};
  Duration read{0};
  bool read_first = false;  // what is read is old by the time it is there
  bool one_reader = false;  // reads are done one after the other, as by hubd's one reader thread
  Duration outputs{0};      // from the commit until the core hears of it
};

class HubHost {
 public:
  HubHost(SimNet& net, const Endpoint& at, const server::HubConfig& config, store::Store& store);
  ~HubHost();

  HostDelays& delays() { return delays_; }
  /// Takes effect with the next restart.
  server::HubConfig& config() { return config_; }
  /// While held, writes wait in the store's inbox; releasing commits them as one batch.
  void hold_commits(bool held);
  void hold_reads(bool held);

  /// What another writer on the same database does: committed now; the hub hears of the events.
  void write_beside(std::span<const store::Request> batch);

  /// One more address of the hub.
  void listen_also(const Endpoint& at);

  /// Power off and on: what was not committed is gone, live sessions come back from the store.
  void restart();
  /// The same in steps, for a store that is opened anew between. die(): nothing goes in or out any
  /// more, also in the middle of what it is doing; bury(): nothing of it holds the store; revive():
  /// a new process. Throws std::runtime_error where the store cannot be read.
  void die();
  void bury();
  void revive(store::Store& store);
  bool is_alive() const { return alive_; }

  /// Asks as hubadmin would; runs the network until the answer is there.
  control::Reply ask(const control::Command& command);
  /// The same without waiting; `answered` is not called where it dies before.
  void order(const control::Command& command, std::function<void(const control::Reply&)> answered);
  /// Into the store's inbox, as if another writer had put it there.
  void write(decltype(store::Request::body) body);
  /// An account with libsodium's cheapest stretching.
  void add_user(const std::string& name, const std::string& password);

  const Endpoint& endpoint() const { return at_; }
  server::Counters& counters() { return counters_; }
  server::Hub& hub() { return *hub_; }
  /// What sealed clients know the hub by.
  const Key& public_key() const { return identity_.keys.accepted.front().public_key; }
  /// What the data directory holds; the hub takes it up when told to (control::ReloadKeys).
  server::HubKeyRing& keys_on_disk() { return keys_on_disk_; }
  const std::vector<std::string>& log() const { return log_; }

  /// Sees each datagram the hub sends, before the network does; may let it die.
  std::function<void(const Path&, Bytes)> on_send;
  /// Sees what the core wants done outside it: "write", "check" or "read", and which kind of it.
  std::function<void(std::string_view what, std::size_t kind)> on_job;

 private:
  void start();
  void listen(const Endpoint& at);
  void turn();  // carries out what the core wants done
  void commit();
  void hear(const std::vector<store::Output>& outputs);
  void check(const server::LoginCheck& check);
  void begin_read(const server::ReadJob& job);
  void read(const server::ReadJob& job);
  void hand_over(const server::ReadResult& result);
  void arm_timer();
  /// Runs `what` after `wait`, unless the hub was restarted meanwhile.
  void later(Duration wait, std::function<void()> what);

  SimNet& net_;
  Endpoint at_;
  std::optional<Endpoint> also_at_;
  server::HubConfig config_;
  store::Store* store_;
  std::unique_ptr<store::Reader> reader_;
  SeededRandom random_;
  server::HubIdentity identity_;  // its generation counts the restarts
  std::optional<server::ReadServer> read_server_;
  server::Counters counters_;
  std::unique_ptr<server::Hub> hub_;
  server::HubKeyRing keys_on_disk_;
  HostDelays delays_;
  int life_ = 0;  // counts restarts
  bool alive_ = true;
  std::vector<store::Request> inbox_;
  std::vector<server::ReadJob> reads_;
  TimePoint reader_free_at_{};
  bool commit_scheduled_ = false;
  bool commits_held_ = false;
  bool reads_held_ = false;
  std::optional<TimePoint> armed_;
  std::map<server::ControlTag, std::function<void(const control::Reply&)>> ordered_;
  server::ControlTag next_control_ = 1;
  std::vector<std::string> log_;
};

}  // namespace hub::test
