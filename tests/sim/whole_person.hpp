// Somebody in a simulated world: a client program with its files, and the person in front of it,
// who wants to be logged in, notices when that is over, and starts the program again when it died.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/whole_log.hpp"
#include "tests/sim/whole_script.hpp"
#include "tests/support/sealed_client.hpp"

namespace hub::test {

/// The passwords that an account may have, the likeliest first.
using Passwords = std::function<std::vector<std::string>(const std::string& account)>;

struct PersonTraits {
  int number = 0;
  std::string account;
  Endpoint hub;
  Key hub_key{};
  std::uint64_t seed = 0;
  bool queues = false;  // sits at a terminal
};

class Person {
 public:
  Person(SimNet& net, Log& log, PersonTraits traits, Passwords passwords);
  ~Person();
  Person(const Person&) = delete;
  Person& operator=(const Person&) = delete;

  void type(const std::string& line);
  /// Logs out and stays so for a while.
  void log_out(Duration span);
  void rebind();
  void move();
  void cut(Duration span);
  void fill_disk(Duration span);
  /// Ends the program in one of four ways, for a while.
  void leave(const Action& action);
  void crash(const Action& action);
  /// No more trouble from here on.
  void calm();

  /// Logged in, and nothing is under way.
  bool is_well() const;
  std::string trouble() const;

 private:
  void start();
  void stop(Sight::What how, Duration down);
  void look_after();
  void on_request(const client::Message& request);
  void on_link(const client::LinkOutput& output);
  void on_keep(const client::KeepOutput& kept);
  std::optional<Duration> asked_earlier() const;
  void expect(const std::string& printed, const std::string& answer, const std::string& about,
              std::optional<Duration> asked = std::nullopt);
  void on_print(const client::Record& record);
  void note_line();
  Endpoint new_address();
  void cut_off(const Endpoint& at);

  SimNet& net_;
  Log& log_;
  PersonTraits traits_;
  Passwords passwords_;
  SeededRandom random_;
  std::unique_ptr<SealedClient> client_;
  std::vector<std::unique_ptr<SealedClient>> dead_;
  int life_ = 0;
  std::uint16_t next_port_;
  std::optional<TimePoint> logged_out_until_;
  std::optional<std::uint64_t> outputs_left_;
  Action ending_;
  std::string asked_;  // the line whose answer is awaited
  struct Asked {
    std::string line;
    Duration at{};
  };
  std::map<std::uint64_t, Asked> tagged_;     // by the session's numbers for them
  std::map<std::string, Duration> asked_at_;  // by device and number, of all lives
  /// What the session is about to print, as it has been told, and the line that asked for it.
  struct Expected {
    std::string printed;  // empty: a note only, of an earlier life's request that was done
    std::string answer;
    std::string about;
    std::optional<Duration> asked;
    bool again = false;
  };
  std::deque<Expected> expected_;
  std::string answering_;           // the device and number of the request that is answered next
  std::set<std::string> answered_;  // all there ever were
  std::shared_ptr<ClientDisk> disk_ = std::make_shared<ClientDisk>();
  std::vector<ClientDisk> earlier_;  // what the disk was like now and then
  bool was_online_ = false;
  std::size_t tries_ = 0;
  std::optional<TimePoint> cut_until_;
  bool calm_ = false;
};

}  // namespace hub::test
