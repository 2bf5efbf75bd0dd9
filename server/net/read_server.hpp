// Performs what the core wants read: retrieves, what a session missed and
// how much that is, the verifier for a login, the device for a resume, the hub's keys. Blocks: for
// a thread beside the reactor (or a simulation).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "server/core/outbox.hpp"
#include "store/store.hpp"

namespace hub::server {

/// Reads the hub's keys from its data directory. Throws std::runtime_error with a sentence.
using LoadKeys = std::function<HubKeyRing()>;

class ReadServer {
 public:
  ReadServer(std::unique_ptr<store::Reader> reader, LoadKeys load_keys);

  ReadResult perform(const ReadJob& job);
  /// The devices of several resumes, for less than one by one; the results in the same order.
  std::vector<ReadResult> find_devices(std::span<const DeviceJob> jobs);

 private:
  ReadResult perform(const RetrieveJob& job);
  ReadResult perform(const CatchUpJob& job);
  ReadResult perform(const BacklogJob& job);
  ReadResult perform(const AccountJob& job);
  ReadResult perform(const DeviceJob& job);
  ReadResult perform(const KeysJob& job);

  std::unique_ptr<store::Reader> reader_;
  LoadKeys load_keys_;
  std::optional<store::HubInfo> hub_;  // what the database says of the hub as a whole, once read
};

}  // namespace hub::server
