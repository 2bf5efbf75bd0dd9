// Numbers and Markdown tables for people.
#pragma once

#include <string>
#include <vector>

namespace hub::bench {

/// A few digits: "1.25M", "23,400", "845", "0.65".
std::string show(double value);

/// Rows of equally many cells, the first of them the heads; all columns but the first and the last
/// hold numbers and stand to the right.
std::string aligned(std::vector<std::vector<std::string>> rows);

}  // namespace hub::bench
