// The scenarios: each makes its database, starts a hubd on it, drives it with real
// datagrams over loopback, classic or sealed, and returns what it measured. Each is bounded in
// count and in time.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>

#include "bench/load/measure.hpp"
#include "protocol/types.hpp"

namespace hub::bench {

struct Setting {
  std::filesystem::path hubd;     // the program
  std::filesystem::path work;     // where temporary directories are made: on a real disk
  std::filesystem::path history;  // a database to share between runs; empty: made for each
  std::size_t links = 8;          // sockets that the sessions share
  bool own_sockets = false;       // or each has its own
  bool ethernet = false;          // packets of 1,500 bytes, and not loopback's 65,536
  Framing framing = Framing::kClassic;
  double seconds = 5;  // the longest a measurement lasts

  std::size_t links_for(std::size_t sessions) const { return own_sockets ? sessions : links; }
};

struct FanoutOptions {
  std::size_t followers = 1000;
  std::size_t posts = 2000;
  std::size_t bytes = 100;
  std::size_t in_flight = 1;
};
/// One author posts; so many posts are under way to their followers at any time. With one, the next
/// leaves once every follower has the last.
Result run_fanout(const Setting& setting, const FanoutOptions& options);

struct PostOptions {
  std::size_t clients = 64;
  std::size_t outstanding = 1;  // posts a client has unacknowledged
  std::size_t history = 0;      // posts that are there before
  std::size_t bytes = 100;
  bool forwards = false;    // each client follows the next one
  bool unnumbered = false;  // sealed: posts that are not remembered as done, forwards not marked
};
Result run_post(const Setting& setting, const PostOptions& options);

struct RetrieveOptions {
  std::size_t followees = 100;  // 10, 100 or 1000
  bool from_store = false;      // hubd keeps no posts in memory
  std::size_t history = 1'000'000;
  std::size_t n = 20;
  std::size_t count = 20'000;
};
/// One retrieve at a time, by several readers in turn.
Result run_retrieve(const Setting& setting, const RetrieveOptions& options);

struct IdleOptions {
  std::size_t sessions = 10'000;
  std::size_t followees = 1;
};
/// How much memory sessions take that do nothing.
Result run_idle(const Setting& setting, const IdleOptions& options);

struct ResumeOptions {
  std::size_t sessions = 10'000;
};
/// How fast sealed devices come back after a restart of their hub, and what that costs it.
Result run_resume(const Setting& setting, const ResumeOptions& options);

struct StartOptions {
  std::size_t history = 10'000'000;
  std::size_t follows = 1'000'000;
};
/// From starting hubd to the first login that succeeds, with that much in its database.
Result run_start(const Setting& setting, const StartOptions& options);

struct CrowdOptions {
  std::size_t followers = 1'000'000;  // of one author
  std::size_t online = 10'000;        // of these
  std::size_t posts = 40;
};
/// What a post costs whose author many follow that are not online: on that hub and, in turns, on
/// one that has those who are online and nobody else.
Result run_crowd(const Setting& setting, const CrowdOptions& options);

/// What this machine gives: an append with fdatasync in `work`, and datagrams over loopback.
Result run_machine(const Setting& setting);

/// "fanout/1000", or "fanout/1000/sealed".
std::string name_of(const Setting& setting, std::string scenario);
/// "fanout/1000", or "fanout/1000x64" with 64 in flight.
std::string fanout_name(std::size_t followers, std::size_t in_flight);

}  // namespace hub::bench
