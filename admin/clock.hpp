// The one place where hubadmin reads the time of day.
#pragma once

#include "protocol/types.hpp"

namespace hub::admin {

WallTime wall_now();

}  // namespace hub::admin
