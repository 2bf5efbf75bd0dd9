#!/usr/bin/env bash
# Counts the instructions of what is hot, by callgrind: one JSON line each, as hubload writes them.
# Unlike times they are the same on a busy machine (to about 1 %: keys and IDs are drawn by chance).
#   bench/count.sh BIN_DIR
# A hub-micro of a revision that does not know HUB_BENCH_ITERATIONS is left out, and said so.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: bench/count.sh BIN_DIR" >&2; exit 2; }
micro=$1/hub-micro
command -v valgrind >/dev/null || { echo "bench: valgrind is not installed" >&2; exit 1; }

# count NAME BENCHMARK ITERATIONS PARTS FUNCTION...: instructions inside these functions, a part of
# an iteration of which there are so many.
count() {
  local name=$1 benchmark=$2 iterations=$3 parts=$4 function collected toggles=() output
  shift 4
  for function in "$@"; do toggles+=("--toggle-collect=$function"); done
  # Bound at once, so that no first call looks its functions up.
  output=$(LD_BIND_NOW=1 HUB_BENCH_ITERATIONS=$iterations valgrind --tool=callgrind \
    --callgrind-out-file=/dev/null "${toggles[@]}" "$micro" --benchmark_filter="^$benchmark(/|$)" 2>&1)
  if ! grep -q "$benchmark/iterations:$iterations" <<<"$output"; then
    echo "bench: $micro cannot be told how often to run $benchmark; not counted" >&2
    return
  fi
  collected=$(sed -nE 's/^==[0-9]+== Collected : ([0-9]+).*/\1/p' <<<"$output")
  printf '{"scenario":"count/%s","instructions":%d}\n' "$name" $((collected / (iterations * parts)))
}

count seal_and_unseal_150_bytes sealed_datagram/150 2000 1 '*::sealed_datagram(*'
count forward_through_two_connections connection_message/100 2000 1 '*::connection_message(*'
count core_delivery_and_its_ack sealed_core_fan_out_and_acks/1000 20 1000 \
  '*SealedAudience::forward()' '*SealedAudience::acknowledge()'
count decode_classic_100_bytes classic_decode/100 100000 1 '*::classic_decode(*'
