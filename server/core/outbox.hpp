// What the hub's core wants done: it collects here, the reactor (or a simulation) carries it out at
// the end of the turn and clears it. Capacity stays, so that a warm turn allocates little.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "protocol/control.hpp"
#include "protocol/crypto/x25519.hpp"
#include "protocol/endpoint.hpp"
#include "protocol/types.hpp"
#include "store/requests.hpp"
#include "store/store.hpp"

namespace hub::server {

/// The static keys that sealed connections are made with.
struct HubKeyRing {
  std::vector<KeyPair> accepted;  // one or two; a client that asks is told of them in this order
  std::optional<Key> announced;   // told to clients that have logged in: the next public key
};

/// Datagrams to send, their bytes back to back in one buffer.
class DatagramQueue {
 public:
  struct Entry {
    Path path;
    std::size_t offset = 0;
    std::size_t size = 0;
  };

  /// The buffer to append one datagram's bytes to; commit() then names where it goes.
  std::vector<std::uint8_t>& buffer() { return bytes_; }
  void commit(const Path& path, std::size_t size) {
    entries_.push_back({path, bytes_.size() - size, size});
  }

  const std::vector<Entry>& entries() const { return entries_; }
  Bytes bytes_of(const Entry& entry) const {
    return Bytes(bytes_).subspan(entry.offset, entry.size);
  }
  bool empty() const { return entries_.empty(); }
  void clear() {
    entries_.clear();
    bytes_.clear();
  }

 private:
  std::vector<std::uint8_t> bytes_;
  std::vector<Entry> entries_;
};

/// A classic login to check: look the account up (or its decoy), stretch, compare. Blocks; for the
/// pool.
struct LoginCheck {
  store::Tag tag = 0;
  std::string id;  // a valid client ID, as typed
  std::string password;
};

struct LoginVerdict {
  enum class Outcome { kRight, kWrong, kFailed };  // kFailed: no memory, or the read failed
  store::Tag tag = 0;
  Outcome outcome = Outcome::kFailed;
  AccountId account = 0;  // with kRight
  std::string name;       // with kRight: the account's own spelling
};

// What the reader thread is asked, and what it answers.

/// The newest posts of those followed.
struct RetrieveJob {
  store::Tag tag = 0;
  AccountId account = 0;
  std::uint32_t n = 0;
  MessageId before = 0;
};
struct RetrievePage {
  store::Tag tag = 0;
  store::Read<std::vector<store::Post>> posts;
};

/// What a session that fell behind has missed: due posts above `after`.
struct CatchUpJob {
  store::Tag tag = 0;
  AccountId account = 0;
  MessageId after = 0;
};
struct CatchUpRead {
  store::Tag tag = 0;
  store::Read<store::CatchUpPage> page;
};

/// The verifier that a sealed login is to be held against: the account's or, where nobody can log
/// in as `id`, a decoy's.
struct AccountJob {
  store::Tag tag = 0;
  std::string id;  // a valid client ID, as typed
};
struct AccountFound {
  store::Tag tag = 0;
  bool failed = false;    // the read failed
  AccountId account = 0;  // 0: a decoy
  std::string name;
  Verifier verifier;
};

/// The device that a resume is to be held against.
struct DeviceJob {
  store::Tag tag = 0;
  store::DeviceName name;
};
struct DeviceFound {
  store::Tag tag = 0;
  bool failed = false;                       // the read failed
  std::optional<store::KnownDevice> device;  // nothing: unknown, or the account is disabled
};

/// Of what is due above `after`, how much is too much to forward.
struct BacklogJob {
  store::Tag tag = 0;
  AccountId account = 0;
  MessageId after = 0;
};
struct BacklogRead {
  store::Tag tag = 0;
  store::Read<store::Backlog> backlog;
};

/// The hub's static keys, read again from the data directory.
struct KeysJob {
  store::Tag tag = 0;
};
struct KeysRead {
  store::Tag tag = 0;
  std::optional<HubKeyRing> keys;  // nothing: they cannot be read
  std::string error;               // then: a sentence
};

using ReadJob = std::variant<RetrieveJob, CatchUpJob, BacklogJob, AccountJob, DeviceJob, KeysJob>;
using ReadResult =
    std::variant<RetrievePage, CatchUpRead, BacklogRead, AccountFound, DeviceFound, KeysRead>;

/// Names one connection to the control socket, and one request on it.
using ControlTag = std::uint64_t;

struct ControlAnswer {
  ControlTag tag = 0;
  control::Reply reply;
};

enum class LogLevel { kDebug, kInfo, kWarning, kError };

struct LogLine {
  LogLevel level = LogLevel::kInfo;
  std::string text;  // harmless for a terminal
};

struct Outbox {
  DatagramQueue datagrams;
  std::vector<store::Request> writes;
  std::vector<LoginCheck> checks;
  std::vector<ReadJob> reads;
  std::vector<ControlAnswer> answers;
  std::vector<LogLine> log;

  /// What is for other threads.
  void clear_jobs() {
    writes.clear();
    checks.clear();
    reads.clear();
  }
  void clear() {
    datagrams.clear();
    clear_jobs();
    answers.clear();
    log.clear();
  }
};

}  // namespace hub::server
