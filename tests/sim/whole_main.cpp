#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "tests/sim/whole_world.hpp"
using namespace hub::test;
int main(int argc, char** argv) {
  prepare_worlds();
  unsigned first = static_cast<unsigned>(atoi(argv[1])), n = static_cast<unsigned>(atoi(argv[2]));
  bool verbose = argc > 3;
  for (unsigned seed = first; seed < first + n; ++seed) {
    const Script script = make_script(seed, std::chrono::seconds(60));
    if (verbose)
      for (const auto& a : script.actions) printf("%s\n", describe(a, script).c_str());
    const auto t0 = std::chrono::steady_clock::now();
    const History h = run_world(script);
    const double ms =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - t0).count() * 1000;
    printf(
        "seed %u: %zu clients %zu actions %zu sights %zu commits %zu stuck %zu damage, %.0f ms\n",
        seed, script.cast.account_of.size(), script.actions.size(), h.sights.size(),
        h.commits.size(), h.stuck.size(), h.damage.size(), ms);
    for (auto& s : h.stuck) printf("  %s\n", s.c_str());
    for (auto& s : h.damage) printf("  %s\n", s.c_str());
    if (verbose)
      for (auto& s : h.sights)
        printf("%9.3f %2d %d %s | %s\n", std::chrono::duration<double>(s.at).count(), s.client,
               static_cast<int>(s.what), s.text.substr(0, 60).c_str(),
               s.about.substr(0, 40).c_str());
  }
}
