// Where a new password comes from: a file, a terminal without echo, or standard input; never the
// command line, which everybody on the machine can read.
#pragma once

#include <string>
#include <string_view>

#include "admin/context.hpp"
#include "admin/outcome.hpp"
#include "protocol/password.hpp"

namespace hub::admin {

/// From options.password_file where that is given, else typed twice, else the first line of
/// standard input. `name` is for the prompt.
Outcome<std::string> read_password(const Context& context, const Options& options,
                                   std::string_view name);

/// Fails with kBadUsage and what is wrong with it.
Result check_password_rules(std::string_view password);

/// Stretched; fails where the memory cannot be had.
Outcome<Verifier> stretch_password(std::string_view password, const KdfParams& kdf, Random& random);

}  // namespace hub::admin
