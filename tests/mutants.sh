#!/usr/bin/env bash
# Switches on each deliberate fault of tests/mutants.txt, as many at a time as there are cores; some
# test must fail. The tests of the fault's own room run first, then the other rooms', then the
# end-to-end ones. Those of tests/sim/faults.txt the simulation of the whole system must find too.
# Usage: mutants.sh BUILD_DIRECTORY [NAME ...]        exit 0: all caught
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
build=${1:?usage: mutants.sh BUILD_DIRECTORY [NAME ...]}
shift
bin=$PWD/$build/bin
jobs=${HUB_JOBS:-$(nproc)}

listed=$(grep -oE '^[a-z0-9_]+' tests/mutants.txt | sort)
planted=$(grep -rhoE 'fault\("[a-z0-9_]+"\)' protocol store server client admin --include='*.cpp' --include='*.hpp' |
  sed -E 's/fault\("(.*)"\)/\1/' | sort -u)
if [ "$listed" != "$(printf '%s\n' "$listed" | sort -u)" ] || [ "$listed" != "$planted" ]; then
  printf 'tests/mutants.txt (<) and the faults in the code (>) differ:\n' >&2
  diff <(printf '%s\n' "$listed") <(printf '%s\n' "$planted") >&2
  exit 1
fi

foreign=$(grep -oE '^[a-z0-9_]+' tests/sim/faults.txt | grep -vxF "$listed")
if [ -n "$foreign" ]; then
  printf 'tests/sim/faults.txt names what tests/mutants.txt does not: %s\n' "$foreign" >&2
  exit 1
fi

# A fault that is off must change nothing: the programs of this build pass first.
rooms="protocol store server client admin sim"
for room in $rooms; do
  if ! "$bin/test_$room" >/dev/null 2>&1; then
    printf 'test_%s fails without any fault\n' "$room" >&2
    exit 1
  fi
done

most=$(sed -nE 's/^[a-z0-9_]+ +([0-9]+)$/\1/p' tests/sim/faults.txt | sort -n | tail -n 1)
if ! "$bin/hub-sim" --seeds "${most:-0}" --quick >/dev/null 2>&1; then
  printf 'hub-sim fails without any fault\n' >&2
  exit 1
fi

failing_case() {  # OUTPUT: the first failing test case's name
  grep -A2 -m1 -E '^-{60,}$' "$1" | sed -n 2p
}

# What the simulation finds of the fault; fails where it has to find something and does not.
try_in_simulation() {  # NAME OUTPUT
  local seeds
  seeds=$(sed -nE "s/^$1 +([0-9]+)\$/\1/p" tests/sim/faults.txt)
  [ -n "$seeds" ] || return 0
  if HUB_FAULT=$1 "$bin/hub-sim" --seeds "$seeds" --jobs 1 --quick >"$2" 2>&1; then
    echo "nothing in $seeds seeds"
    return 1
  fi
  sed -nE 's/^seed ([0-9]+) failed: (.*)/hub-sim: seed \1, \2/p' "$2" | head -n 1
}

# Says in one line what caught the fault, and leaves a file in $work where something did.
try_fault() {  # NAME
  local name=$1 output=$work/$1.out home room limit by= simulated
  if ! simulated=$(try_in_simulation "$name" "$output"); then
    printf 'SURVIVED  %-32s hub-sim: %s\n' "$name" "$simulated"
    return
  fi
  home=$(grep -rlF "fault(\"$name\")" protocol store server client admin | head -n 1 | cut -d/ -f1)
  for room in $home $(printf '%s\n' $rooms | grep -vx "$home") e2e; do
    [ "$room" != e2e ] || [ -z "$simulated" ] || break  # it is caught already
    limit=300
    [ "$room" != e2e ] || limit=900
    if ! HUB_FAULT=$name timeout "$limit" "$bin/test_$room" --abort >"$output" 2>&1; then
      by="test_$room: $(failing_case "$output")"
      break
    fi
  done
  if [ -n "$by$simulated" ]; then
    printf 'caught    %-32s %s\n' "$name" "$by${by:+${simulated:+; }}$simulated" | tee "$work/$name.caught"
  else
    printf 'SURVIVED  %-32s\n' "$name"
  fi
  rm -f "$output"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
names=(${@:-$listed})
for name in "${names[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
  try_fault "$name" &
done
wait
caught=$(find "$work" -name '*.caught' | wc -l)
printf '%d passed, %d failed\n' "$caught" "$((${#names[@]} - caught))"
[ "$caught" -eq ${#names[@]} ]
