// When a soak kills what: drawn from a seed, so that the same number draws the same kills.
#pragma once

#include <array>
#include <chrono>
#include <random>
#include <string>
#include <string_view>

namespace hub::test::soak {

struct Failpoint {
  std::string_view name;
  unsigned most = 1;  // it kills at a hit from 1 to this
};

// Those of hubd, in the order in which a login and a post pass them. What is passed once a post may
// kill at any of some hundreds; a login comes by only a few times after a start.
inline constexpr std::array<Failpoint, 11> kHubFailpoints = {{
    {"session_stored", 4},     // the session's row is committed, login ok is not queued
    {"post_received", 300},    // taken from the connection, not yet in the outbox
    {"batch_taken", 200},      // out of the store's inbox, before BEGIN
    {"batch_written", 200},    // every statement done, before COMMIT
    {"database_write", 1000},  // behind one write of SQLite to its files
    {"batch_committed", 200},  // COMMIT is done, memory does not know it yet
    {"outputs_kept", 200},     // the store is done, the reactor has not heard of it
    {"ack_queued", 300},       // the post ack is in the connection, not sent
    {"forward_queued", 300},   // so is a forward
    {"turn_not_sent", 300},    // before the flush of a turn's datagrams
    {"turn_sent", 300},        // after it
}};

// Those of spoke: of one who reads, and of one who writes.
inline constexpr std::array<Failpoint, 2> kReaderFailpoints = {{
    {"post_printed", 300},   // printed and flushed, the mark is not recorded
    {"mark_recorded", 300},  // and not acknowledged
}};
inline constexpr std::array<Failpoint, 2> kWriterFailpoints = {{
    {"outbox_appended", 100},  // the request is on disk, and not sent
    {"answer_recorded", 100},  // the ack is not printed
}};

/// NAME:K for a spoke, or nothing where the build has none, or this time none is drawn.
std::string draw_client_failpoint(std::mt19937& random, bool reads, bool writes);

struct Kill {
  enum class When {
    kUnderLoad,   // so long after every client was back
    kComingBack,  // so long after the start
    kFailpoint,
  };
  When when = When::kUnderLoad;
  std::chrono::milliseconds after{0};
  std::string failpoint;  // NAME:K
  std::string name;       // for people: "under load", or the failpoint's
  std::chrono::milliseconds downtime{0};
  bool bad_weather = false;
};

/// Where hubd dies at the `number`th kill, from 0; null: not at a failpoint. Of five kills three
/// are at failpoints, which come in turn: 20 kills are enough for each.
const Failpoint* failpoint_of(unsigned number);

/// The `number`th kill. Each fifth comes under load, each fifth during the comeback, the others at
/// failpoints, where the build has them.
Kill plan_kill(unsigned number, std::mt19937& random);

/// From 0 to `most`.
unsigned draw(std::mt19937& random, unsigned most);

}  // namespace hub::test::soak
