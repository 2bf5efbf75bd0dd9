#include <fmt/format.h>

#include "tests/e2e/soak/soak.hpp"

namespace hub::test::soak {

namespace {

std::string line(const std::string& name, const Row& row) {
  return fmt::format("{:<22} {:>6} {:>13} {:>11} {:>16}{}\n", name, row.kills, row.acknowledged,
                     row.delivered, row.slowest ? fmt::format("{} ms", row.slowest->count()) : "-",
                     row.not_reached > 0 ? fmt::format("  ({} not reached)", row.not_reached) : "");
}

}  // namespace

std::string Soak::table() const {
  std::string out = fmt::format("{:<22} {:>6} {:>13} {:>11} {:>16}\n", "killed", "times",
                                "acknowledged", "deliveries", "slowest comeback");
  for (const auto& [name, row] : rows_) out += line(name, row);
  out += line("in good weather", weather_[0]);
  out += line("in bad weather", weather_[1]);
  for (const auto& [name, row] : client_rows_) {
    out += fmt::format("spokes killed {}: {}\n", name, row.kills);
  }
  const Ledger::Figures& figures = ledger_.figures();
  out += fmt::format(
      "posts: {} acknowledged, {} stored, {} unanswered; lines printed: {}\n"
      "after a spoke's own death: {} posts from outboxes, {} lines repeated\n",
      figures.acknowledged, ledger_.all_stored().size(), figures.unanswered, figures.delivered,
      figures.outbox, figures.repeats);
  if (backed_up_ > 0) {
    out += fmt::format("backup under load: {} posts, as in the original; hubd went on with it\n",
                       backed_up_);
  }
  return out;
}

}  // namespace hub::test::soak
