// The commands about devices: where people have logged in, and which of them need the password.
#include <algorithm>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "admin/accounts.hpp"
#include "admin/command.hpp"
#include "admin/listing.hpp"
#include "admin/writer.hpp"
#include "protocol/nearest.hpp"
#include "protocol/text.hpp"

namespace hub::admin {

namespace {

constexpr std::uint32_t kPage = 500;
constexpr std::size_t kIdDigits = 2 * std::tuple_size_v<DeviceId>;

Outcome<std::string> parse_beginning(std::string_view text) {
  std::string digits(text);
  for (char& c : digits) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  const bool is_hex = digits.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (is_hex && !digits.empty() && digits.size() <= kIdDigits) return digits;
  return fail(
      ExitCode::kBadUsage,
      fmt::format("\"{}\" is not a device, nor the beginning of one: it has up to {} digits "
                  "from 0 to f, as list-devices shows them",
                  printable(cut_text(text, 40)), kIdDigits));
}

Failure unknown_device(const std::string& account, const std::string& beginning,
                       const std::vector<std::string>& ids) {
  if (ids.empty()) return {ExitCode::kNotFound, fmt::format("{} has no device", account)};
  std::vector<std::string_view> beginnings;
  beginnings.reserve(ids.size());
  for (const std::string& id : ids) {
    beginnings.push_back(std::string_view(id).substr(0, beginning.size()));
  }
  const auto meant = nearest(beginning, beginnings);
  const std::string hint = meant ? fmt::format("did you mean {}?", *meant)
                                 : fmt::format("list-devices {} shows those there are", account);
  return {ExitCode::kNotFound, fmt::format("{} has no device {}; {}", account, beginning, hint)};
}

// The account's one device whose ID begins so.
Outcome<store::Device> find_device(store::Reader& reader, const store::Account& account,
                                   const std::string& beginning) {
  const auto devices = checked(reader.devices(account.id));
  if (!devices) return tl::unexpected(devices.error());
  std::vector<std::string> ids;
  std::vector<store::Device> found;
  for (const store::Device& device : *devices) {
    ids.push_back(to_string(device.id));
    if (ids.back().starts_with(beginning)) found.push_back(device);
  }
  if (found.empty()) return tl::unexpected(unknown_device(account.name, beginning, ids));
  if (found.size() == 1) return found.front();
  return fail(ExitCode::kBadUsage, fmt::format("{} devices of {} begin with {}; give more digits",
                                               found.size(), account.name, beginning));
}

}  // namespace

Result list_devices(const Context& context, const Options& options) {
  const auto reader = open_reader(context);
  if (!reader) return tl::unexpected(reader.error());
  std::optional<AccountId> only;
  if (!options.name.empty()) {
    const auto name = parse_name(options.name);
    if (!name) return tl::unexpected(name.error());
    const auto account = find_account((*reader)->reader(), *name);
    if (!account) return tl::unexpected(account.error());
    only = account->id;
  }
  Listing listing(
      context.console.out(), options.json,
      {"account", "device", "online", "needs_password", "created", "last_seen", "shown_up_to"});
  for (store::DeviceNumber after = 0;;) {
    const auto page = checked((*reader)->devices(only, after, kPage));
    if (!page) return tl::unexpected(page.error());
    for (const auto& [account, device, online] : *page) {
      listing.add({account, to_string(device.id), online, !device.resume_key.has_value(),
                   device.created, device.last_seen, device.mark});
    }
    if (page->size() < kPage) break;
    after = page->back().device.number;
  }
  listing.finish();
  return {};
}

Result forget_device(const Context& context, const Options& options) {
  const auto name = parse_name(options.name);
  if (!name) return tl::unexpected(name.error());
  const auto beginning = parse_beginning(options.device);
  if (!beginning) return tl::unexpected(beginning.error());
  const auto reader = open_reader(context);
  if (!reader) return tl::unexpected(reader.error());
  const auto account = find_account((*reader)->reader(), *name);
  if (!account) return tl::unexpected(account.error());
  const auto device = find_device((*reader)->reader(), *account, *beginning);
  if (!device) return tl::unexpected(device.error());
  const auto writer = open_writer(context);
  if (!writer) return tl::unexpected(writer.error());
  auto done = perform_done(**writer, control::ForgetDevice{account->name, device->id});
  if (done) {
    context.console.out() << fmt::format(
        "{} needs the password on device {}; its session is over\n", account->name,
        to_string(device->id));
  }
  return done;
}

}  // namespace hub::admin
