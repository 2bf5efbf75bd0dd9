#include "admin/clock.hpp"

namespace hub::admin {

WallTime wall_now() {
  return std::chrono::floor<WallTime::duration>(std::chrono::system_clock::now());
}

}  // namespace hub::admin
