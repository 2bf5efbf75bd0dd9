#!/usr/bin/env bash
# Measures hubd and its rivals one after the other, scenario by scenario, in several rounds, and
# prints one table of ours and theirs. What is not installed says so in the table.
#   bench/rivals.sh BIN_DIR [--quick]     writes build/rivals.json; 20 minutes, --quick 6
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() { echo "usage: bench/rivals.sh BIN_DIR [--quick]" >&2; exit 2; }
[ $# -ge 1 ] || usage
bin=$(cd "$1" && pwd)
rounds=5 seconds=4 lossy=15 changes=6 interval=3
case "${2:-}" in
  '') ;;
  --quick) rounds=2 seconds=1 lossy=5 changes=4 interval=2 ;;
  *) usage ;;
esac
programs=(rivalload spoke)
. bench/common.sh

ours() { load_with "$bin" "$work/results" "$@"; }
theirs() {  # RIVAL ARGUMENTS
  local rival=$1
  shift
  "$bin/rivalload" --rival "$rival" --work "$work" --seconds "$seconds" "$@" >>"$work/results"
}

echo "Making a history of a million posts" >&2
ours prepare
for ((round = 1; round <= rounds; round++)); do
  echo "Round $round of $rounds" >&2
  ours machine
  for flight in 1 64; do
    fanout=(fanout --in-flight "$flight" --posts 1000000)
    ours --sealed "${fanout[@]}" --own-sockets
    theirs redis "${fanout[@]}"
    theirs mosquitto-qos1 "${fanout[@]}"
    theirs nats "${fanout[@]}"
    theirs mosquitto-qos0 "${fanout[@]}"
    ours "${fanout[@]}" --own-sockets
    ours --sealed "${fanout[@]}"
  done
  ours --sealed "${fanout[@]}" --own-sockets --ethernet
  for outstanding in 1 16; do
    post=(post --history 1000000 --outstanding "$outstanding")
    ours --sealed "${post[@]}" --own-sockets
    theirs redis-aof post --outstanding "$outstanding"
    ours "${post[@]}" --own-sockets
    theirs jetstream post --outstanding "$outstanding"
    ours --sealed "${post[@]}"
  done
  ours --sealed "${post[@]}" --own-sockets --ethernet
  ours --sealed retrieve --followees 100
  ours --sealed retrieve --followees 100 --from-store
  theirs redis retrieve --followees 100
  ours retrieve --followees 100
  ours --sealed idle
  for rival in mosquitto-qos1 redis nats; do theirs "$rival" idle; done
  ours idle
  seconds=$lossy ours --sealed lossy --seed "$round"
  seconds=$lossy theirs mosquitto-qos1 lossy --seed "$round"
  ours --sealed roam --changes "$changes" --interval "$interval"
  theirs mosquitto-qos1 roam --changes "$changes" --interval "$interval"
done
echo >&2
"$bin/hubload" report --rivals --out build/rivals.json "$work/results"
echo "Written to build/rivals.json, every value of every round." >&2
