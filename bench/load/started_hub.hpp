// A hubd whose start is timed: from just before its program is executed until it listens, and until
// the first sealed login has succeeded.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "bench/load/database.hpp"
#include "bench/load/hub_process.hpp"
#include "bench/load/hubd_flags.hpp"
#include "bench/load/scenarios.hpp"
#include "bench/load/sealed_swarm.hpp"

namespace hub::bench {

class StartedHub {
 public:
  /// `user` logs in.
  StartedHub(const Setting& setting, const store::DataDirectory& data, const std::string& user) {
    std::filesystem::remove(data.path() / "hubd.log");  // where it listens is read there
    const TimePoint begin = std::chrono::steady_clock::now();
    process_ = std::make_unique<HubProcess>(setting.hubd, data.path(), load_flags());
    listening_ = std::chrono::steady_clock::now() - begin;
    swarm_ =
        std::make_unique<SealedSwarm>(process_->address(), process_->server_key(), setting.links);
    swarm_->login({user}, kPassword);
    first_login_ = std::chrono::steady_clock::now() - begin;
  }

  const HubProcess& process() const { return *process_; }
  /// Its first session is the user's.
  SealedSwarm& swarm() { return *swarm_; }
  double listening_seconds() const { return seconds(listening_); }
  double first_login_seconds() const { return seconds(first_login_); }

 private:
  static double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

  std::unique_ptr<HubProcess> process_;
  std::unique_ptr<SealedSwarm> swarm_;
  Duration listening_{};
  Duration first_login_{};
};

}  // namespace hub::bench
