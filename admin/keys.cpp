// The commands about the server's key, and invitations, which carry it.
#include <array>

#include <fmt/format.h>
#include <unistd.h>

#include "admin/accounts.hpp"
#include "admin/command.hpp"
#include "admin/listing.hpp"
#include "admin/qr.hpp"
#include "admin/writer.hpp"
#include "protocol/fault.hpp"
#include "protocol/fingerprint.hpp"
#include "protocol/hub_link.hpp"
#include "protocol/text.hpp"
#include "store/hub_keys.hpp"

namespace hub::admin {

namespace {

/// hub.key has been replaced: a running hubd must take it up. False where none runs.
Outcome<bool> reload_keys(const Context& context) {
  const auto unheard = [](const Failure& why) {
    return fail(why.code,
                "hub.key has changed, but hubd has not taken it up; restart it: " + why.message);
  };
  const auto server = reach_server(context);
  if (!server) return unheard(server.error());
  if (*server == nullptr) return false;
  if (fault("rotation_not_told")) return true;
  if (const auto done = perform_done(**server, control::ReloadKeys{}); !done) {
    return unheard(done.error());
  }
  return true;
}

Result begin_rotation(const Context& context) {
  const store::HubKeys keys = store::begin_rotation(context.data, context.random);
  const auto told = reload_keys(context);
  if (!told) return tl::unexpected(told.error());
  context.console.out() << fmt::format(
      "made a next key: {}\n"
      "Both keys are valid now. hubd announces the next one to everybody who logs in{}; when that\n"
      "was long enough for everybody, hubadmin rotate-key --finish drops the current one.\n"
      "Keep a copy of hub.key.\n",
      fingerprint_of(keys.next->public_key), *told ? "" : ", from its next start");
  return {};
}

Result finish_rotation(const Context& context, const Options& options) {
  Console& console = context.console;
  if (!store::load_hub_keys(context.data).next) {
    return fail(ExitCode::kFailed, "there is no next key; hubadmin rotate-key makes one");
  }
  if (!options.yes && !console.is_interactive()) {
    return fail(ExitCode::kBadUsage,
                "whoever has not logged in since the next key was made is warned of a changed key: "
                "add --yes where nobody can be asked");
  }
  if (!options.yes &&
      !console.confirm(
          "Drop the current key for good? Whoever has not logged in since the next one "
          "was made will be warned of a changed key.")) {
    return fail(ExitCode::kFailed, "both keys stay valid");
  }
  const store::HubKeys keys = store::finish_rotation(context.data);
  const auto told = reload_keys(context);
  if (!told) return tl::unexpected(told.error());
  console.out() << fmt::format("the hub's key is {} now\nKeep a copy of hub.key.\n",
                               fingerprint_of(keys.current.public_key));
  return {};
}

Outcome<HubName> host_of(const Context& context, const Options& options) {
  std::array<char, 256> buffer{};
  std::string host = options.host;
  if (host.empty() && ::gethostname(buffer.data(), buffer.size() - 1) == 0) {
    host = buffer.data();
    context.console.err() << fmt::format(
        "note: this machine calls itself {}; add --host HOST[:PORT] if people reach it otherwise\n",
        printable(host));
  }
  auto name = parse_hub_name(host);
  if (!name) return fail(ExitCode::kBadUsage, "--host " + name.error());
  return *name;
}

}  // namespace

Result show_key(const Context& context, const Options& options) {
  if (auto there = require_database(context); !there) return there;
  const store::HubKeys keys = store::load_hub_keys(context.data);
  Fields fields = {{"key", key_text(keys.current.public_key)},
                   {"fingerprint", fingerprint_of(keys.current.public_key)}};
  Value next_key;
  Value next_fingerprint;
  if (keys.next) {
    next_key = key_text(keys.next->public_key);
    next_fingerprint = fingerprint_of(keys.next->public_key);
  }
  fields.emplace_back("next_key", next_key);
  fields.emplace_back("next_fingerprint", next_fingerprint);
  write_record(context.console.out(), options.json, fields);
  return {};
}

Result rotate_key(const Context& context, const Options& options) {
  if (auto there = require_database(context); !there) return there;
  return options.finish ? finish_rotation(context, options) : begin_rotation(context);
}

Result invite(const Context& context, const Options& options) {
  const auto name = parse_name(options.name);
  if (!name) return tl::unexpected(name.error());
  const auto reader = open_reader(context);
  if (!reader) return tl::unexpected(reader.error());
  const auto account = find_account((*reader)->reader(), *name);
  if (!account) return tl::unexpected(account.error());
  const store::HubKeys keys = store::load_hub_keys(context.data);
  const auto host = host_of(context, options);
  if (!host) return tl::unexpected(host.error());
  // In a rotation the next key: it is valid already, and still will be when the current one is not.
  const Key key = keys.next ? keys.next->public_key : keys.current.public_key;
  const std::string link = to_string(HubLink{ClientId::parse(account->name), *host, key});
  if (!parse_hub_link(link)) {
    return fail(ExitCode::kBadUsage, "--host " + options.host + " cannot stand in a link");
  }
  Console& console = context.console;
  console.out() << link << '\n';
  if (options.qr || console.out_is_terminal()) {
    const auto code = qr_code(link, console.out_is_terminal());
    if (!code) return fail(ExitCode::kFailed, "the link is too long for a QR code");
    console.out() << *code;
  }
  if (account->disabled) {
    console.err() << fmt::format("note: {} is disabled and cannot log in\n", account->name);
  }
  return {};
}

}  // namespace hub::admin
