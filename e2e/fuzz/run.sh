#!/usr/bin/env bash
# Builds the fuzz targets and runs each for so many seconds, one on each CPU. Fails where one finds
# an input that makes Traceherd panic or hang; the input is then under target/fuzz.
#
#   run.sh SECONDS [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=$1
shift
if [ $# -eq 0 ]; then
  mapfile -t targets < <(find e2e/fuzz/fuzz_targets -name '*.rs' -printf '%f\n' | sort | sed 's/\.rs$//')
else
  targets=("$@")
fi
built=${CARGO_TARGET_DIR:-target}
found=$(realpath -m "$built/fuzz")

RUSTC_WORKSPACE_WRAPPER=$PWD/e2e/fuzz/rustc.sh cargo build --locked --package traceherd-fuzz

# What it learns it keeps for the next time; the seeds it only reads.
fuzz() {
  local target=$1 log=$found/$1.log seeds=(e2e/fuzz/corpus/"$1")
  [ "$target" = manifest ] && seeds=(crds/examples)
  mkdir -p "$found/corpus/$target"
  if ! "$built/debug/$target" "$found/corpus/$target" "${seeds[@]}" -artifact_prefix="$found/$target-" \
    -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 -print_final_stats=1 >"$log" 2>&1; then
    echo "$target: FAILED"
    tail -n 40 "$log"
    return 1
  fi
  awk -v target="$target" '
    $2 == "DONE" { coverage = $4 }
    $1 == "stat::number_of_executed_units:" { runs = $2 }
    END { printf "%s: %d inputs in '"$seconds"' s, none that fails; coverage %d\n", target, runs, coverage }' "$log"
}
export -f fuzz
export seconds built found
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -euc 'fuzz {}'
