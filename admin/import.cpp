// import-users: many accounts from a file of lines id&password. A bad line is named and skipped.
//
// Stretching a password takes far longer than storing its verifier, so it is done for a group of
// lines at once on all cores; the group is then stored together, in the file's order.
#include <algorithm>
#include <atomic>
#include <fstream>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "admin/accounts.hpp"
#include "admin/command.hpp"
#include "admin/format.hpp"
#include "admin/lines.hpp"
#include "admin/passwords.hpp"
#include "admin/writer.hpp"
#include "protocol/fault.hpp"
#include "protocol/limits.hpp"
#include "protocol/message.hpp"
#include "protocol/text.hpp"

namespace hub::admin {

namespace {

constexpr std::size_t kMaxLine = kMaxClientIdBytes + 1 + kMaxPasswordBytes;
constexpr std::size_t kLinesPerCore = 16;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

struct Entry {
  std::uint64_t line = 0;
  ClientId name;
  std::string password;
  std::optional<Verifier> verifier;
};

struct Tally {
  std::uint64_t lines = 0;
  std::uint64_t added = 0;
  std::uint64_t existing = 0;
  std::uint64_t bad = 0;
};

std::size_t cores() { return std::max(1u, std::thread::hardware_concurrency()); }

Outcome<Entry> parse_line(const Line& line) {
  std::string_view text = line.text;
  if (line.number == 1 && text.starts_with(kByteOrderMark)) text.remove_prefix(3);
  const auto parts = split_credentials(text);
  if (!parts) return fail(ExitCode::kBadUsage, "it is not of the form id&password");
  auto name = parse_name(parts->id);
  if (!name) return tl::unexpected(name.error());
  if (const auto good = check_password_rules(parts->password); !good) {
    return tl::unexpected(good.error());
  }
  return Entry{line.number, std::move(*name), std::string(parts->password), std::nullopt};
}

// Where the memory cannot be had for all at once, the verifier stays empty.
void stretch_all(std::vector<Entry>& entries, const KdfParams& kdf, Random& random) {
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < entries.size(); i = next++) {
      entries[i].verifier = make_verifier(entries[i].password, kdf, random);
    }
  };
  std::vector<std::jthread> helpers;
  for (std::size_t i = 1; i < std::min(cores(), entries.size()); ++i) helpers.emplace_back(work);
  work();
}

class Import {
 public:
  Import(const Context& context, const Options& options, store::Reader& reader, Writer* writer,
         const KdfParams& kdf)
      : context_(context), options_(options), reader_(reader), writer_(writer), kdf_(kdf) {}

  Result run(std::istream& in) {
    LineReader lines(in, kMaxLine);
    std::vector<Entry> group;
    while (auto line = lines.next()) {
      tally_.lines = line->number;
      if (auto taken = take(*line, group); !taken) return taken;
      if (group.size() < kLinesPerCore * cores()) continue;
      if (auto stored = store(group); !stored) return stored;
    }
    return store(group);
  }

  const Tally& tally() const { return tally_; }

 private:
  // Adds to the group what can be stored; fails only where nothing more can be done at all.
  Result take(const Line& line, std::vector<Entry>& group) {
    if (line.text.empty()) return {};
    auto entry = parse_line(line);
    if (!entry) return complain(line.number, entry.error().message);
    const auto account = checked(reader_.account(entry->name.text()));
    if (!account) return tl::unexpected(account.error());
    const bool repeated = options_.dry_run && !seen_.insert(entry->name.key()).second;
    if (*account || repeated) {
      report_existing(*entry);
    } else if (options_.dry_run) {
      ++tally_.added;
    } else {
      group.push_back(std::move(*entry));
    }
    return {};
  }

  Result store(std::vector<Entry>& group) {
    stretch_all(group, kdf_, context_.random);
    std::vector<control::Command> commands;
    for (const Entry& entry : group) {
      // Alone it may have the memory that all of them together had not.
      const auto verifier = entry.verifier
                                ? *entry.verifier
                                : stretch_password(entry.password, kdf_, context_.random);
      if (!verifier) return stopped(entry, verifier.error());
      commands.push_back(control::AddUser{entry.name.text(), *verifier});
    }
    if (commands.empty()) return {};
    const auto replies = writer_->perform_all(commands);
    if (!replies) return stopped(group.front(), replies.error());
    Result result;
    for (std::size_t i = 0; i < group.size(); ++i) {
      const auto counted = count(group[i], commands[i], replies->at(i));
      if (!counted && result) result = counted;
    }
    group.clear();
    context_.console.progress(
        fmt::format("{}, {} added", plural(tally_.lines, "line"), tally_.added));
    return result;
  }

  Result count(const Entry& entry, const control::Command& command, const control::Reply& first) {
    using control::Refusal;
    const auto* refused = std::get_if<control::Refused>(&first);
    auto again = first;
    if (refused != nullptr && refused->why == Refusal::kBusy) {
      auto reply = writer_->perform(command);
      if (!reply) return stopped(entry, reply.error());
      again = std::move(*reply);
      refused = std::get_if<control::Refused>(&again);
    }
    if (refused == nullptr) {
      ++tally_.added;
    } else if (refused->why == Refusal::kExists) {
      report_existing(entry);
    } else if (refused->why == Refusal::kRetired || refused->why == Refusal::kInvalid) {
      return complain(entry.line, failure_of(*refused).message);
    } else {
      return stopped(entry, failure_of(*refused));
    }
    return {};
  }

  // Nothing from this entry on can be done.
  Result stopped(const Entry& entry, const Failure& failure) const {
    return fail(failure.code, fmt::format("stopped at line {} of {}: {}", entry.line,
                                          printable(options_.file), failure.message));
  }

  void report_existing(const Entry& entry) {
    ++tally_.existing;
    say(entry.line,
        fmt::format("there is an account {} already; left as it is", entry.name.text()));
  }

  Result complain(std::uint64_t line, const std::string& what) {
    ++tally_.bad;
    say(line, what);
    if (fault("import_stops_at_bad_line")) return fail(ExitCode::kFailed, what);
    return {};
  }

  void say(std::uint64_t line, const std::string& what) {
    context_.console.end_progress();
    context_.console.err() << fmt::format("{}:{}: {}\n", printable(options_.file), line, what);
  }

  const Context& context_;
  const Options& options_;
  store::Reader& reader_;
  Writer* writer_;  // nullptr in a dry run
  KdfParams kdf_;
  std::set<std::string> seen_;
  Tally tally_;
};

void summarize(const Context& context, const Options& options, const Tally& tally) {
  context.console.end_progress();
  context.console.out() << fmt::format(
      "{} {}, {} there already, {} with an error\n", options.dry_run ? "would add" : "added",
      plural(tally.added, "account"), tally.existing, plural(tally.bad, "line"));
}

}  // namespace

Result import_users(const Context& context, const Options& options) {
  const auto reader = open_reader(context);
  if (!reader) return tl::unexpected(reader.error());
  std::ifstream in(options.file, std::ios::binary);
  if (!in || in.peek() == std::ifstream::traits_type::eof()) {
    return fail(ExitCode::kBadUsage,
                fmt::format("{} cannot be read or is empty", printable(options.file)));
  }
  const auto info = checked((*reader)->reader().info());
  if (!info) return tl::unexpected(info.error());
  std::unique_ptr<Writer> writer;
  if (!options.dry_run) {
    auto opened = open_writer(context);
    if (!opened) return tl::unexpected(opened.error());
    writer = std::move(*opened);
  }
  Import import(context, options, (*reader)->reader(), writer.get(), info->kdf);
  auto ran = import.run(in);
  summarize(context, options, import.tally());
  if (!ran) return ran;
  if (import.tally().bad == 0) return {};
  return fail(ExitCode::kFailed,
              fmt::format("{} of {} had to be left out; correct and import them again",
                          plural(import.tally().bad, "line"), printable(options.file)));
}

}  // namespace hub::admin
