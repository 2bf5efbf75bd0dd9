# What the scripts that measure share; sourced with the directory of the programs in $bin.
# HUB_BENCH_WORK names where databases are made (build/bench-work): a real disk.

for program in hubd hubload "${programs[@]}"; do
  [ -x "$bin/$program" ] || { echo "bench: $bin/$program is missing; build it first" >&2; exit 1; }
done

parent=${HUB_BENCH_WORK:-build/bench-work}
mkdir -p "$parent"
work=$(mktemp -d "$(cd "$parent" && pwd)/run-XXXXXX")
trap 'rm -rf "$work"; rmdir "$parent" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM

history=$work/history.db  # made by `load_with … prepare`

load_with() {  # BIN_DIR RESULTS ARGUMENTS
  local from=$1 results=$2
  shift 2
  "$from/hubload" --work "$work" --history-file "$history" --seconds "$seconds" "$@" >>"$results"
}

micro_with() {  # BIN_DIR RESULTS
  HUB_BENCH_WORK=$work HUB_BENCH_HISTORY=$history HUB_BENCH_LARGE=${large:-} "$1/hub-micro" \
    --benchmark_min_time="$micro" --benchmark_format=json >"$2" 2>/dev/null
}
