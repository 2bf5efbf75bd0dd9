#!/usr/bin/env bash
# layering.sh must fail on each kind of violation, and pass on a tree without any.
set -u
check=$(dirname "${BASH_SOURCE[0]}")/layering.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{protocol,store,server/core,server/net,client/core,client/net,admin}
failures=0

expect() {  # EXIT_CODE FILE LINE
  printf '%s\n' "$3" >"$tree/$2"
  "$check" "$tree" >/dev/null 2>&1
  local got=$?
  if [ "$got" -ne "$1" ]; then
    printf 'exit %d, not %d, for %s: %s\n' "$got" "$1" "$2" "$3"
    failures=$((failures + 1))
  fi
  rm "$tree/$2"
}

expect 0 server/core/a.cpp '#include "store/store.hpp"'
expect 0 server/net/a.cpp '#include "server/core/hub.hpp"'
expect 0 client/core/a.cpp '#include "protocol/classic.hpp"'
expect 0 server/net/reactor.cpp 'auto now = std::chrono::steady_clock::now();'
expect 1 protocol/a.hpp '#include "store/store.hpp"'
expect 1 store/a.cpp '#include "server/core/hub.hpp"'
expect 1 server/core/a.cpp '#include "server/net/reactor.hpp"'
expect 1 server/net/a.cpp '#include "client/core/session.hpp"'
expect 1 client/core/a.cpp '  #  include "store/store.hpp"'
expect 1 client/net/a.cpp '#include "server/core/hub.hpp"'
expect 1 admin/a.cpp '#include "server/core/counters.hpp"'
expect 1 admin/a.cpp '#include "tests/support/world.hpp"'
expect 1 server/core/a.cpp 'auto now = std::chrono::steady_clock::now();'
expect 1 store/a.cpp 'const auto at = time(nullptr);'
expect 1 server/core/a.cpp '#include <asio/ip/udp.hpp>'
expect 1 server/net/a.cpp '#include <SQLiteCpp/Database.h>'
exit $((failures > 0))
