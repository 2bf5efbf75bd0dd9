#!/usr/bin/env bash
# Switches on each deliberate fault of tests/mutants.txt, as many at a time as there are cores; some
# test must fail. The tests of the fault's own room run first, then the other rooms', then the
# end-to-end ones.
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

# A fault that is off must change nothing: the programs of this build pass first.
rooms="protocol store server client admin sim"
for room in $rooms; do
  if ! "$bin/test_$room" >/dev/null 2>&1; then
    printf 'test_%s fails without any fault\n' "$room" >&2
    exit 1
  fi
done

failing_case() {  # OUTPUT: the first failing test case's name
  grep -A2 -m1 -E '^-{60,}$' "$1" | sed -n 2p
}

# Says in one line what caught the fault, and leaves a file in $work where something did.
try_fault() {  # NAME
  local name=$1 output=$work/$1.out home room limit by=
  home=$(grep -rlF "fault(\"$name\")" protocol store server client admin | head -n 1 | cut -d/ -f1)
  for room in $home $(printf '%s\n' $rooms | grep -vx "$home") e2e; do
    limit=120
    [ "$room" != e2e ] || limit=900
    if ! HUB_FAULT=$name timeout "$limit" "$bin/test_$room" --abort >"$output" 2>&1; then
      by="test_$room: $(failing_case "$output")"
      break
    fi
  done
  if [ -n "$by" ]; then
    printf 'caught    %-32s %s\n' "$name" "$by" | tee "$work/$name.caught"
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
