// Carries out what a SealedLink wants done: datagrams, names, passwords, known_hubs, the device's
// files; and tells the session what became of things. Owned by the loop, used on its thread.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "client/core/sealed_link.hpp"
#include "client/core/session.hpp"
#include "client/net/background.hpp"
#include "client/net/device_files.hpp"
#include "client/net/known_hubs_file.hpp"
#include "client/net/link.hpp"
#include "client/net/loop.hpp"
#include "protocol/random.hpp"

namespace hub::client {

class SealedDriver {
 public:
  /// What the loop does about it.
  struct Events {
    std::function<void(const std::string& text)> note;  // for people
    std::function<void(const std::string& text)> ask;   // the next typed line is the answer
    std::function<void(int code, const std::string& word, const std::string& text)> distrust;
    std::function<void(Bytes)> send;
    std::function<TimePoint()> now;
  };

  /// Throws std::runtime_error where known_hubs cannot be read.
  SealedDriver(const Options& options, bool can_ask, Link& link, Session& session, Events events);

  SealedLink& sealed() { return sealed_; }
  Background& background() { return background_; }
  /// Does what the link wants, until it wants nothing more.
  void carry_out();
  /// An address of this machine came or went.
  void on_addresses_changed();

 private:
  void carry_out(const LinkOutput& output);
  void keep(const Keep& output);
  void stretch(const StretchPassword& wanted);
  void next_address();
  bool follow_key();
  void remember(const HubProved& proved);

  HubName hub_;
  Link& link_;
  Session& session_;
  Events events_;
  SystemRandom random_;
  KnownHubsFile file_;
  bool may_remember_ = true;
  DeviceFilesOnDisk device_files_;
  bool keeps_ = true;  // as far as is known, the device's files can be written
  SealedLink sealed_;
  bool resolving_ = false;
  Background background_;  // last: its thread ends first
};

}  // namespace hub::client
