// The failpoint "database_write" sits behind every write of SQLite to its files, so that a hub can
// be killed between the frames of one commit in the log, between the last of them and its sync, and
// between the pages that a checkpoint copies. Nothing in builds without HUB_FAILPOINTS.
#pragma once

namespace hub::store {

#ifdef HUB_FAILPOINTS
void put_failpoint_behind_writes();  // once, whoever calls first
#else
constexpr void put_failpoint_behind_writes() {}
#endif

}  // namespace hub::store
