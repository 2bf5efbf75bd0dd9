#include "admin/writer.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "admin/control_client.hpp"
#include "protocol/fault.hpp"
#include "protocol/text.hpp"
#include "store/sqlite_store.hpp"

namespace hub::admin {

namespace {

constexpr std::chrono::milliseconds kBetweenTries{50};
constexpr int kBusyTries = 10;

bool is_server(const std::string& holder) { return holder.starts_with("hubd "); }

bool is_busy(const control::Reply& reply) {
  const auto* refused = std::get_if<control::Refused>(&reply);
  return refused != nullptr && refused->why == control::Refusal::kBusy;
}

class LiveWriter final : public Writer {
 public:
  explicit LiveWriter(ControlClient client) : client_(std::move(client)) {}

  Outcome<std::vector<control::Reply>> perform_all(
      std::span<const control::Command> commands) override {
    std::vector<control::Reply> replies;
    while (!commands.empty()) {
      const auto some = commands.first(std::min(commands.size(), ControlClient::kMaxTogether));
      auto answers = client_.perform(some);
      if (!answers) return answers;
      std::move(answers->begin(), answers->end(), std::back_inserter(replies));
      commands = commands.subspan(some.size());
    }
    return replies;
  }

 private:
  ControlClient client_;
};

using RequestBody = decltype(store::Request::body);

struct ToRequest {
  std::optional<RequestBody> operator()(const control::ListSessions&) const { return {}; }
  std::optional<RequestBody> operator()(const control::Stats&) const { return {}; }
  std::optional<RequestBody> operator()(const control::ReloadKeys&) const { return {}; }
  template <typename T>
  std::optional<RequestBody> operator()(const T& command) const {
    return RequestBody(command);
  }
};

struct FromReply {
  control::Reply operator()(const control::Done& done) const { return done; }
  control::Reply operator()(const control::Progress& progress) const { return progress; }
  control::Reply operator()(const control::Refused& refused) const { return refused; }
  // Answers to what no control command asks.
  control::Reply operator()(const store::Posted&) const { return control::Done{}; }
  control::Reply operator()(const store::SessionOpened&) const { return control::Done{}; }
  control::Reply operator()(const store::Repeated&) const { return control::Done{}; }
};

class OfflineWriter final : public Writer {
 public:
  OfflineWriter(std::optional<store::DirectoryLock> lock, std::unique_ptr<store::Store> store,
                WallTime (*now)())
      : lock_(std::move(lock)), store_(std::move(store)), now_(now) {}

  Outcome<std::vector<control::Reply>> perform_all(
      std::span<const control::Command> commands) override {
    std::vector<store::Request> batch;
    for (const control::Command& command : commands) {
      auto body = std::visit(ToRequest{}, command);
      if (!body) {
        return fail(ExitCode::kFailed,
                    fmt::format("{} needs a running hubd", control::word_of(command)));
      }
      batch.push_back({batch.size(), std::move(*body)});
    }
    std::vector<control::Reply> replies;
    for (const store::Output& output : store_->apply(batch, now_())) {
      const auto* reply = std::get_if<store::Reply>(&output);
      if (reply != nullptr) replies.push_back(std::visit(FromReply{}, reply->body));
    }
    store_->maintain(now_());
    return replies;
  }

 private:
  std::optional<store::DirectoryLock> lock_;  // outlives the store
  std::unique_ptr<store::Store> store_;
  WallTime (*now_)();
};

Outcome<std::unique_ptr<Writer>> write_offline(const Context& context,
                                               std::optional<store::DirectoryLock> lock) {
  auto store = store::SqliteStore::open(context.data.database());
  return std::make_unique<OfflineWriter>(std::move(lock), std::move(store), context.now);
}

Outcome<std::unique_ptr<Writer>> write_live(const Context& context) {
  auto client = ControlClient::connect(context.data.control_socket(), context.patience.answer);
  if (!client) return tl::unexpected(client.error());
  return std::make_unique<LiveWriter>(std::move(*client));
}

Failure held_by(const Context& context, const std::string& holder) {
  const std::string who = holder.empty() ? "another program" : printable(holder);
  const std::string what = is_server(holder) ? "stop it first" : "try again when it has finished";
  return {ExitCode::kUnreachable,
          fmt::format("{} has {} in use: {}", who, printable(context.data.path().string()), what)};
}

int tries_of(const Context& context) {
  return static_cast<int>(context.patience.lock / kBetweenTries) + 1;
}

}  // namespace

Outcome<control::Reply> Writer::perform(const control::Command& command) {
  for (int i = 0;; ++i) {
    auto replies = perform_all(std::span(&command, 1));
    if (!replies) return tl::unexpected(replies.error());
    if (!is_busy(replies->at(0)) || i == kBusyTries) return std::move(replies->front());
    std::this_thread::sleep_for(kBetweenTries);
  }
}

Outcome<std::unique_ptr<Writer>> open_writer(const Context& context) {
  if (fault("admin_skips_lock")) return write_offline(context, std::nullopt);
  Failure last;
  for (int i = 0; i < tries_of(context); ++i) {
    if (i > 0) std::this_thread::sleep_for(kBetweenTries);
    if (auto lock = store::DirectoryLock::take(context.data, "hubadmin")) {
      return write_offline(context, std::move(lock));
    }
    const std::string holder = store::DirectoryLock::holder(context.data);
    last = held_by(context, holder);
    if (!is_server(holder)) continue;
    auto live = write_live(context);
    if (live) return live;
    last = live.error();  // it may be just starting, or about to end
  }
  return tl::unexpected(last);
}

Outcome<std::unique_ptr<Writer>> reach_server(const Context& context) {
  Failure last;
  for (int i = 0; i < tries_of(context); ++i) {
    if (i > 0) std::this_thread::sleep_for(kBetweenTries);
    if (!is_server(store::DirectoryLock::holder(context.data))) return nullptr;
    auto live = write_live(context);
    if (live) return live;
    last = live.error();
  }
  return tl::unexpected(last);
}

Outcome<store::DirectoryLock> take_lock(const Context& context) {
  Failure last;
  for (int i = 0; i < tries_of(context); ++i) {
    if (i > 0) std::this_thread::sleep_for(kBetweenTries);
    if (auto lock = store::DirectoryLock::take(context.data, "hubadmin")) return std::move(*lock);
    const std::string holder = store::DirectoryLock::holder(context.data);
    last = held_by(context, holder);
    if (is_server(holder)) break;
  }
  return tl::unexpected(last);
}

Failure failure_of(const control::Refused& refused) {
  using control::Refusal;
  const std::string text = refused.message.empty()
                               ? fmt::format("refused: {}", control::word_of(refused.why))
                               : printable(refused.message);
  if (fault("refusal_exits_zero")) return {ExitCode::kOk, text};
  switch (refused.why) {
    case Refusal::kNotFound:
      return {ExitCode::kNotFound, text};
    case Refusal::kExists:
    case Refusal::kRetired:
      return {ExitCode::kExists, text};
    case Refusal::kInvalid:
      return {ExitCode::kBadUsage, text};
    case Refusal::kBusy:
      return {ExitCode::kUnreachable, text};
    case Refusal::kDisabled:
    case Refusal::kLimit:
    case Refusal::kDiskFull:
    case Refusal::kStoreFailed:
      break;
  }
  return {ExitCode::kFailed, text};
}

Result perform_done(Writer& writer, const control::Command& command) {
  const auto reply = writer.perform(command);
  if (!reply) return tl::unexpected(reply.error());
  if (std::holds_alternative<control::Done>(*reply)) return {};
  if (const auto* refused = std::get_if<control::Refused>(&*reply)) {
    return tl::unexpected(failure_of(*refused));
  }
  return fail(ExitCode::kUnreachable,
              "hubd's answer does not fit what was asked; are hubd and hubadmin of the same "
              "version?");
}

}  // namespace hub::admin
