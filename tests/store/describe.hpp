// What a store says and holds, as lines to compare: with another store's, or with its own before.
#pragma once

#include <string>
#include <vector>

#include "store/store.hpp"

namespace hub::test {

/// One line a reply or event. Of refusals the reason, not the sentence; the events between two
/// replies in alphabetical order, since those of one request have none.
std::vector<std::string> describe(const std::vector<store::Output>& outputs);

/// Everything a reader can see: info, counts, accounts, whom each follows and retrieves, devices,
/// sessions.
std::vector<std::string> describe(store::Reader& reader);

std::string describe(const store::Post& post);

/// Empty where they are the same; else the first line that differs, both ways.
std::string difference(const std::vector<std::string>& a, const std::vector<std::string>& b);

}  // namespace hub::test
