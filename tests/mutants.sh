#!/usr/bin/env bash
# Switches on each deliberate fault of tests/mutants.txt, as many at a time as there are cores; some
# test must fail. Those of tests/sim/faults.txt the simulation of the whole system must find. Then the
# test is tried that tests/mutants_caught.txt names; where nothing has caught the fault so far, every
# test of its own room, then the other rooms', then the end-to-end ones.
# Usage: mutants.sh BUILD_DIRECTORY [--passed] [--learn] [NAME ...]        exit 0: all caught
#   --passed  the tests of this build have just passed without any fault: not run again first
#   --learn   write down in tests/mutants_caught.txt which test caught what
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
build=${1:?usage: mutants.sh BUILD_DIRECTORY [--passed] [--learn] [NAME ...]}
shift
passed='' learn=''
while [[ ${1:-} == --* ]]; do
  case $1 in
    --passed) passed=yes ;;
    --learn) learn=yes ;;
    *) printf "mutants.sh does not know '%s'\n" "$1" >&2; exit 2 ;;
  esac
  shift
done
bin=$PWD/$build/bin
jobs=${HUB_JOBS:-$(nproc)}
caught_by=tests/mutants_caught.txt

listed=$(grep -oE '^[a-z0-9_]+' tests/mutants.txt | sort)
planted=$(grep -rhoE 'fault\("[a-z0-9_]+"\)' protocol store server client admin --include='*.cpp' --include='*.hpp' |
  sed -E 's/fault\("(.*)"\)/\1/' | sort -u)
if [ "$listed" != "$(printf '%s\n' "$listed" | sort -u)" ] || [ "$listed" != "$planted" ]; then
  printf 'tests/mutants.txt (<) and the faults in the code (>) differ:\n' >&2
  diff <(printf '%s\n' "$listed") <(printf '%s\n' "$planted") >&2
  exit 1
fi

foreign=$(cat tests/sim/faults.txt "$caught_by" | grep -oE '^[a-z0-9_]+' | grep -vxF "$listed")
if [ -n "$foreign" ]; then
  printf 'tests/sim/faults.txt or %s names what tests/mutants.txt does not: %s\n' "$caught_by" "$foreign" >&2
  exit 1
fi
for name in "$@"; do
  grep -qxF "$name" <<<"$listed" || { printf "there is no fault '%s'\n" "$name" >&2; exit 2; }
done

# A fault that is off must change nothing: the programs of this build pass first.
rooms="protocol store server client admin sim"
if [ -z "$passed" ]; then
  for room in $rooms; do
    if ! "$bin/test_$room" >/dev/null 2>&1; then
      printf 'test_%s fails without any fault\n' "$room" >&2
      exit 1
    fi
  done
fi

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

# Runs tests of one room with the fault; says what failed, or fails itself where nothing did.
try_room() {  # NAME OUTPUT ROOM [TEST CASE]
  local limit=300 code=0 only=()
  [ "$3" != e2e ] || limit=900
  [ $# -lt 4 ] || only=("$(sed -E 's/[][,\\"]/\\&/g' <<<"$4")*")  # a long name was printed in part
  HUB_FAULT=$1 timeout "$limit" "$bin/test_$3" --abort "${only[@]}" >"$2" 2>&1 || code=$?
  case $code in
    0) return 1 ;;
    124) echo "test_$3: not done after $limit s" ;;
    *) echo "test_$3: $(failing_case "$2")" ;;
  esac
}

# Says in one line what caught the fault, and leaves a file in $work where something did.
try_fault() {  # NAME
  local name=$1 output=$work/$1.out home room test_case by='' simulated
  if ! simulated=$(try_in_simulation "$name" "$output"); then
    printf 'SURVIVED  %-32s hub-sim: %s\n' "$name" "$simulated"
    return
  fi
  read -r room test_case < <(sed -nE "s/^$name +//p" "$caught_by")
  [ -z "$room" ] || by=$(try_room "$name" "$output" "$room" "$test_case")
  if [ -z "$by" ] && { [ -z "$simulated" ] || [ -n "$learn" ]; }; then
    home=$(grep -rlF "fault(\"$name\")" protocol store server client admin | head -n 1 | cut -d/ -f1)
    for room in $home $(printf '%s\n' $rooms | grep -vx "$home") e2e; do
      [ "$room" != e2e ] || [ -z "$simulated" ] || break  # it is caught already
      by=$(try_room "$name" "$output" "$room") && break
    done
  fi
  if [ -n "$by$simulated" ]; then
    printf 'caught    %-32s %s\n' "$name" "$by${by:+${simulated:+; }}$simulated"
    printf '%s\n' "$by" >"$work/$name.caught"
  else
    printf 'SURVIVED  %-32s\n' "$name"
  fi
  rm -f "$output"
}

# What caught each fault, in the order of tests/mutants.txt; what was not tried stays as it was.
write_down() {
  local name by
  sed -n '/^#/p' "$caught_by"
  for name in $(grep -oE '^[a-z0-9_]+' tests/mutants.txt); do
    by=$(sed -nE 's/^test_([a-z0-9]+): (.+)/\1 \2/p' "$work/$name.caught" 2>/dev/null)
    if [ -n "$by" ] && [[ $by != *": not done after"* ]]; then
      printf '%-32s %-8s %s\n' "$name" "${by%% *}" "${by#* }"
    else
      grep -E "^$name " "$caught_by"
    fi
  done
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
names=(${@:-$listed})
for name in "${names[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
  try_fault "$name" &
done
wait
if [ -n "$learn" ]; then
  write_down >"$work/learnt" && cp "$work/learnt" "$caught_by"
fi
caught=$(find "$work" -name '*.caught' | wc -l)
printf '%d passed, %d failed\n' "$caught" "$((${#names[@]} - caught))"
[ "$caught" -eq ${#names[@]} ]
