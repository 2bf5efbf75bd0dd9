#include "bench/load/database.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <numeric>
#include <random>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "bench/load/measure.hpp"
#include "protocol/limits.hpp"
#include "protocol/password.hpp"

namespace hub::bench {

namespace {

constexpr std::size_t kBatch = 10'000;
constexpr KdfParams kLeastKdf{kMinKdfMemory, kMinKdfPasses};

WallTime wall_clock() {
  return std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now());
}

std::vector<std::size_t> draw(std::size_t count, std::size_t below, std::mt19937_64& random) {
  std::vector<std::size_t> all(below);
  for (std::size_t i = 0; i < below; ++i) all[i] = i;
  std::vector<std::size_t> out;
  std::sample(all.begin(), all.end(), std::back_inserter(out), count, random);
  return out;
}

void sync_file(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 || ::fsync(fd) != 0) throw Failure("cannot sync " + file.string());
  ::close(fd);
}

}  // namespace

std::string user_name(std::size_t index) { return "u" + std::to_string(index); }

std::vector<std::string> user_names(std::size_t first, std::size_t count) {
  std::vector<std::string> out;
  out.reserve(count);
  for (std::size_t i = first; i < first + count; ++i) out.push_back(user_name(i));
  return out;
}

std::string text_of(std::size_t bytes) {
  static constexpr std::string_view kWords = "the quick brown fox jumps over the lazy dog ";
  std::string out;
  while (out.size() < bytes) out += kWords;
  out.resize(bytes);
  return out;
}

Database::Database(const std::filesystem::path& file) {
  SystemRandom random;
  store::create_database(file, kLeastKdf, random);
  store_ = store::SqliteStore::open(file);
}

Database::~Database() = default;

void Database::apply(std::vector<store::Request>& batch) {
  if (batch.empty()) return;
  for (const store::Output& output : store_->apply(batch, wall_clock())) {
    const auto* reply = std::get_if<store::Reply>(&output);
    const auto* refused = reply != nullptr ? std::get_if<store::Refused>(&reply->body) : nullptr;
    if (refused != nullptr) throw Failure("the store refused: " + refused->message);
  }
  batch.clear();
}

void Database::add_users(std::size_t count) {
  SystemRandom random;
  const auto verifier = make_verifier(kPassword, kLeastKdf, random);
  if (!verifier) throw Failure("no memory to stretch a password");
  std::vector<store::Request> batch;
  const std::size_t first = ids_.size();
  for (std::size_t i = first; i < first + count; ++i) {
    batch.push_back({0, control::AddUser{user_name(i), *verifier}});
    if (batch.size() == kBatch) apply(batch);
  }
  apply(batch);

  const auto reader = store_->open_reader();
  ids_.resize(first + count);
  for (std::size_t i = first; i < first + count; ++i) {
    const auto account = reader->account(user_name(i));
    if (!account || !*account) throw Failure("an account is missing: " + user_name(i));
    ids_[i] = (*account)->id;
  }
}

void Database::follow(const std::vector<Follows>& follows) {
  std::vector<store::Request> batch;
  for (const Follows& each : follows) {
    for (const std::size_t followee : each.followees) {
      batch.push_back({0, store::Follow{ids_.at(each.follower), user_name(followee)}});
      if (batch.size() == kBatch) apply(batch);
    }
  }
  apply(batch);
}

void Database::post(std::size_t posts, std::size_t bytes, const AuthorOf& author) {
  const std::string text = text_of(bytes);
  std::vector<store::Request> batch;
  batch.reserve(kBatch);
  for (std::size_t i = 0; i < posts; ++i) {
    const std::size_t user = author(i);
    batch.push_back({0, store::AppendPost{ids_.at(user), user_name(user), text}});
    if (batch.size() == kBatch) apply(batch);
  }
  apply(batch);
}

std::vector<std::string> HistoryShape::readers(std::size_t followees) {
  const auto kind = std::find(std::begin(kFollowees), std::end(kFollowees), followees);
  if (kind == std::end(kFollowees)) return {};
  const auto index = static_cast<std::size_t>(std::distance(std::begin(kFollowees), kind));
  return user_names(kAuthors + index * kReaders, kReaders);
}

std::vector<std::string> HistoryShape::readers_of_quiet() {
  return user_names(kAuthors + std::size(kFollowees) * kReaders, kReaders);
}

namespace {

std::vector<Database::Follows> follows_of_readers() {
  std::mt19937_64 random(2);
  std::vector<Database::Follows> out;
  std::size_t reader = HistoryShape::kAuthors;
  for (const std::size_t followees : HistoryShape::kFollowees) {
    for (std::size_t i = 0; i < HistoryShape::kReaders; ++i) {
      out.push_back({reader++, draw(followees, HistoryShape::kAuthors, random)});
    }
  }
  std::vector<std::size_t> quiet(HistoryShape::kQuiet);
  std::iota(quiet.begin(), quiet.end(), HistoryShape::kAuthors - HistoryShape::kQuiet);
  for (std::size_t i = 0; i < HistoryShape::kReaders; ++i) out.push_back({reader++, quiet});
  return out;
}

/// So many in all, each author as many as the others.
std::vector<Database::Follows> follows_of_authors(std::size_t follows) {
  std::mt19937_64 random(3);
  std::vector<Database::Follows> out;
  for (std::size_t i = 0; i < HistoryShape::kAuthors && follows > 0; ++i) {
    const std::size_t each = follows / HistoryShape::kAuthors;
    out.push_back({i, draw(each, HistoryShape::kAuthors, random)});
  }
  return out;
}

/// The author of the i-th of so many posts.
Database::AuthorOf authors(std::size_t posts) {
  return [posts, random = std::mt19937_64(1)](std::size_t i) mutable -> std::size_t {
    constexpr std::size_t kLoud = HistoryShape::kAuthors - HistoryShape::kQuiet;
    const std::size_t drawn = random() % HistoryShape::kAuthors;
    if (drawn < kLoud) return drawn;
    const std::size_t silent_from = posts / 10 * (drawn - kLoud + 1) / HistoryShape::kQuiet;
    return i < silent_from ? drawn : random() % kLoud;
  };
}

}  // namespace

void prepare_history(const std::filesystem::path& file, std::size_t posts, std::size_t follows) {
  if (std::filesystem::exists(file)) return;
  std::filesystem::path unfinished = file;
  unfinished += ".unfinished";
  std::filesystem::remove(unfinished);
  {
    Database database(unfinished);
    const std::size_t kinds = std::size(HistoryShape::kFollowees) + 1;
    database.add_users(HistoryShape::kAuthors + kinds * HistoryShape::kReaders);
    database.follow(follows_of_readers());
    database.follow(follows_of_authors(follows));
    database.post(posts, HistoryShape::kTextBytes, authors(posts));
  }
  std::filesystem::rename(unfinished, file);
}

store::DataDirectory copy_to_data(const std::filesystem::path& file,
                                  const std::filesystem::path& parent) {
  store::DataDirectory data(parent / "data");
  data.create();
  std::filesystem::copy_file(file, data.database());
  sync_file(data.database());  // so that no write-back of the copy disturbs the run
  return data;
}

}  // namespace hub::bench
