#!/usr/bin/env bash
# Runs every benchmark in several rounds, one scenario after the other so that a machine's slow
# minutes fall on all of them alike, and prints one table of medians with their spread.
#   bench/run.sh BIN_DIR [--quick]         writes build/bench.json; --quick takes less than a minute
# HUB_BENCH_WORK names where databases are made (build/bench-work): a real disk.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() { echo "usage: bench/run.sh BIN_DIR [--quick]" >&2; exit 2; }
[ $# -ge 1 ] || usage
bin=$(cd "$1" && pwd)
rounds=5 seconds=4 micro=0.2 followees=(10 100 1000)
case "${2:-}" in
  '') ;;
  --quick) rounds=2 seconds=1 micro=0.02 followees=(100) ;;
  *) usage ;;
esac
for program in hubd hubload hub-micro; do
  [ -x "$bin/$program" ] || { echo "bench: $bin/$program is missing; build it first" >&2; exit 1; }
done

parent=${HUB_BENCH_WORK:-build/bench-work}
mkdir -p "$parent"
work=$(mktemp -d "$(cd "$parent" && pwd)/run-XXXXXX")
trap 'rm -rf "$work"; rmdir "$parent" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM

load() { "$bin/hubload" --work "$work" --history-file "$work/history.db" --seconds "$seconds" "$@" >>"$work/results"; }

echo "Making a history of a million posts" >&2
load prepare
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
  load --sealed post --history 1000000
  load --sealed retrieve --followees 100
  load --sealed idle
  HUB_BENCH_WORK=$work HUB_BENCH_HISTORY=$work/history.db "$bin/hub-micro" \
    --benchmark_min_time="$micro" --benchmark_format=json >"$work/micro.$round.json" 2>/dev/null
done
echo >&2
"$bin/hubload" report --out build/bench.json "$work/results" "$work"/micro.*.json
echo "Written to build/bench.json, every value of every round." >&2
