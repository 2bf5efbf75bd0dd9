#include "admin/passwords.hpp"

#include <fstream>

#include <fmt/format.h>

#include "admin/format.hpp"
#include "admin/lines.hpp"
#include "protocol/limits.hpp"
#include "protocol/text.hpp"

namespace hub::admin {

namespace {

// Longer than any password, so that one that is too long is told so and not cut.
constexpr std::size_t kMaxLine = 4 * kMaxPasswordBytes;

Outcome<std::string> from_file(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    return fail(ExitCode::kBadUsage,
                fmt::format("the password file {} cannot be read", printable(file)));
  }
  LineReader lines(in, kMaxLine);
  auto line = lines.next();
  if (!line) {
    return fail(ExitCode::kBadUsage, fmt::format("the password file {} is empty", printable(file)));
  }
  return std::move(line->text);
}

Outcome<std::string> from_terminal(Console& console, std::string_view name) {
  auto first = console.ask_secret(fmt::format("New password for {}: ", name));
  if (!first) return first;
  if (const auto good = check_password_rules(*first); !good) return tl::unexpected(good.error());
  auto second = console.ask_secret("Once more: ");
  if (!second) return second;
  if (*first == *second) return first;
  return fail(ExitCode::kBadUsage, "the two passwords differ; nothing was changed");
}

Outcome<std::string> from_standard_input(Console& console) {
  auto line = console.read_line(kMaxLine);
  if (!line) return tl::unexpected(line.error());
  if (!*line) {
    return fail(ExitCode::kBadUsage,
                "there is no password on standard input; write one line there, or use "
                "--password-file FILE");
  }
  return std::move(**line);
}

}  // namespace

Outcome<std::string> read_password(const Context& context, const Options& options,
                                   std::string_view name) {
  auto password = !options.password_file.empty()     ? from_file(options.password_file)
                  : context.console.is_interactive() ? from_terminal(context.console, name)
                                                     : from_standard_input(context.console);
  if (!password) return password;
  if (const auto good = check_password_rules(*password); !good) {
    return tl::unexpected(good.error());
  }
  return password;
}

Result check_password_rules(std::string_view password) {
  if (is_password(password)) return {};
  if (password.empty()) return fail(ExitCode::kBadUsage, "a password must not be empty");
  if (password.size() > kMaxPasswordBytes) {
    return fail(ExitCode::kBadUsage,
                fmt::format("a password has at most {} bytes", kMaxPasswordBytes));
  }
  return fail(ExitCode::kBadUsage, "a password must not contain a NUL or a line end");
}

Outcome<Verifier> stretch_password(std::string_view password, const KdfParams& kdf,
                                   Random& random) {
  auto verifier = make_verifier(password, kdf, random);
  if (verifier) return *verifier;
  return fail(
      ExitCode::kFailed,
      fmt::format("{} of memory cannot be had, which a password of this hub takes; free some",
                  format_size(kdf.memory_bytes)));
}

}  // namespace hub::admin
