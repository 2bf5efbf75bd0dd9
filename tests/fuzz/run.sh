#!/usr/bin/env bash
# Runs each fuzz target for so many seconds, as many at a time as there are cores, starting from the
# corpus beside this script, the golden datagrams, and what earlier runs in this build found.
# Usage: run.sh DIRECTORY_OF_THE_TARGETS [SECONDS] [TARGET ...]      exit 0: nothing was found
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$(cd "${1:?usage: run.sh DIRECTORY_OF_THE_TARGETS [SECONDS] [TARGET ...]}" && pwd)
seconds=${2:-60}
shift $(($# < 2 ? $# : 2))
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for program in "$bin"/fuzz_*; do targets+=("${program##*/fuzz_}"); done
fi
jobs=${HUB_JOBS:-$(nproc)}
work=$bin/../fuzz-corpus
mkdir -p "$work"
work=$(cd "$work" && pwd)

golden_seeds() {  # the hex of data/classic_golden.txt as files
  local name hex rest
  mkdir -p "$1"
  while IFS='|' read -r name hex rest; do
    case $name in '#'* | '') continue ;; esac
    printf '%b' "$(tr -d ' ' <<<"$hex" | sed 's/../\\x&/g')" >"$1/golden_${name// /}"
  done <"$here/../../data/classic_golden.txt"
}

fuzz() {  # TARGET
  local target=$1 seeds=("$here/corpus/$1")
  [ -d "${seeds[0]}" ] || seeds=()
  if [ "$target" = classic ]; then
    golden_seeds "$work/golden"
    seeds+=("$work/golden")
  fi
  mkdir -p "$work/$target"
  "$bin/fuzz_$target" -max_total_time="$seconds" -max_len=9000 -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$work/found-$target-" \
    "$work/$target" ${seeds[@]+"${seeds[@]}"} >"$work/$target.log" 2>&1
}

failed=()
for ((i = 0; i < ${#targets[@]}; i += jobs)); do
  pids=()
  for target in "${targets[@]:i:jobs}"; do
    [ -x "$bin/fuzz_$target" ] || { printf 'run.sh: there is no %s\n' "$bin/fuzz_$target" >&2; exit 2; }
    fuzz "$target" &
    pids+=($!)
  done
  for index in "${!pids[@]}"; do
    target=${targets[i + index]}
    if wait "${pids[index]}"; then
      printf 'quiet   fuzz_%-8s %s inputs, %s edges\n' "$target" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$target.log")" \
        "$(grep -oE 'cov: [0-9]+' "$work/$target.log" | tail -n 1 | cut -d' ' -f2)"
    else
      failed+=("$target")
      printf 'FOUND   fuzz_%s; the end of %s:\n' "$target" "$work/$target.log"
      tail -n 40 "$work/$target.log"
    fi
  done
done
if [ ${#failed[@]} -gt 0 ]; then
  printf '\n*** %d of %d targets found something: %s\n' "${#failed[@]}" "${#targets[@]}" "${failed[*]}"
  printf '*** again: build/fuzz/bin/fuzz_TARGET %s/found-TARGET-...\n' "$work"
  exit 1
fi
