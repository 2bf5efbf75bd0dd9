#!/usr/bin/env bash
# Measures two builds one after the other, scenario by scenario, and prints how many times this one
# has of what the other has; and the instructions of what is hot, which no other work disturbs.
#   bench/compare.sh BIN_DIR BASE_BIN_DIR [--quick]   writes build/compare.json and build/base.json
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() { echo "usage: bench/compare.sh BIN_DIR BASE_BIN_DIR [--quick]" >&2; exit 2; }
[ $# -ge 2 ] || usage
bin=$(cd "$1" && pwd)
base=$(cd "$2" && pwd)
rounds=5 seconds=4 micro=0.2
case "${3:-}" in
  '') ;;
  --quick) rounds=3 seconds=1 micro=0.02 ;;
  *) usage ;;
esac
programs=(hub-micro)
. bench/common.sh

# Each has a history of its own, for their schemas may differ. What the older one cannot do is left
# out; the table holds what both have.
of() {  # base | this, ARGUMENTS
  local which=$1 from=$bin
  shift
  [ "$which" = this ] || from=$base
  history=$work/history.$which.db
  load_with "$from" "$work/$which" "$@" || echo "bench: left out of $which: hubload $*" >&2
}
# They take turns at being first.
both() {
  local order=(base this) which
  [ $((round % 2)) -eq 0 ] || order=(this base)
  for which in "${order[@]}"; do of "$which" "$@"; done
}

echo "Making two histories of a million posts" >&2
round=0
both prepare
for ((round = 1; round <= rounds; round++)); do
  echo "Round $round of $rounds" >&2
  of this machine  # no part of the comparison: what it was measured on
  both --sealed fanout --posts 1000000
  both --sealed fanout --posts 1000000 --in-flight 64
  both --sealed fanout --followers 1
  both --sealed post --history 1000000
  both --sealed retrieve --followees 100
  both --sealed idle
  both fanout --posts 1000000
  both post --history 1000000
  for which in base this; do
    from=$bin history=$work/history.$which.db
    [ "$which" = this ] || from=$base
    micro_with "$from" "$work/micro.$which.$round.json"
  done
done
echo "Counting instructions" >&2
bench/count.sh "$base" >>"$work/base"
bench/count.sh "$bin" >>"$work/this"
echo >&2
"$bin/hubload" report --out build/base.json "$work/base" "$work"/micro.base.*.json >/dev/null
"$bin/hubload" report --out build/compare.json "$work/this" "$work"/micro.this.*.json \
  --base "$work/base" "$work"/micro.base.*.json
echo "Written to build/compare.json (this) and build/base.json, every value of every round." >&2
