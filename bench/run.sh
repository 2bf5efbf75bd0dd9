#!/usr/bin/env bash
# Runs every benchmark in several rounds, one scenario after the other so that a machine's slow
# minutes fall on all of them alike, and prints one table of medians with their spread.
#   bench/run.sh BIN_DIR [--quick]         writes build/bench.json; --quick takes about a minute
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() { echo "usage: bench/run.sh BIN_DIR [--quick]" >&2; exit 2; }
[ $# -ge 1 ] || usage
bin=$(cd "$1" && pwd)
rounds=5 seconds=4 micro=0.2 followees=(10 100 1000) slow=yes large=
case "${2:-}" in
  '') ;;
  --quick) rounds=2 seconds=1 micro=0.02 followees=(100) slow= ;;
  *) usage ;;
esac
programs=(hub-micro spoke)
. bench/common.sh

load() { load_with "$bin" "$work/results" "$@"; }

echo "Making a history of a million posts" >&2
load prepare
if [ -n "$slow" ]; then
  echo "Making a history of ten million posts, and an author with a million followers" >&2
  large=$work/large.db crowd=$work/crowd.db
  history=$large load prepare --history 10000000 --follows 1000000
fi
for ((round = 1; round <= rounds; round++)); do
  echo "Round $round of $rounds" >&2
  load machine
  load fanout
  load fanout --followers 1
  load post --history 1000000
  load post --history 1000000 --outstanding 16
  for n in "${followees[@]}"; do load retrieve --followees "$n"; done
  load idle
  load --sealed fanout
  load --sealed fanout --followers 1
  load --sealed fanout --in-flight 64
  load --sealed post --history 1000000
  load --sealed fanout --own-sockets
  load --sealed fanout --in-flight 64 --own-sockets
  load --sealed post --history 1000000 --own-sockets
  load --sealed retrieve --followees 100
  load --sealed retrieve --followees 100 --from-store
  load --sealed idle
  if [ -n "$slow" ]; then load --sealed idle --sessions 100000; fi
  if [ -n "$slow" ]; then
    load resume
    history=$large load start
    history=$crowd load crowd
    load --sealed lossy --seed "$round"
    load --sealed roam --changes 4 --interval 2
  fi
  micro_with "$bin" "$work/micro.$round.json"
done
echo >&2
"$bin/hubload" report --out build/bench.json "$work/results" "$work"/micro.*.json
echo "Written to build/bench.json, every value of every round." >&2
