#!/usr/bin/env bash
# Every parser under libFuzzer, FUZZ_SECONDS each (20), or the ones that are named. Stable Rust: the
# instrumentation is LLVM's own pass. A finding stops the run and lies in target/fuzz/found; what
# reached new code goes on in target/fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds="${FUZZ_SECONDS:-20}"
base="${CARGO_TARGET_DIR:-target}/fuzz"
host="$(rustc -vV | sed -n 's/^host: //p')"
mkdir -p "$base/found"

export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Ccodegen-units=16"
binary="$("${CARGO:-cargo}" test --target "$host" --target-dir "$base/build" --locked -p tests --test fuzz \
  --no-run --message-format=json | sed -n 's/.*"executable":"\([^"]*fuzz-[^"]*\)".*/\1/p' | tail -1)"
[ -x "$binary" ] || { echo "the fuzz binary was not built" >&2; exit 1; }

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  mapfile -t targets < <(sed -n 's/^    target("\([a-z]*\)".*/\1/p' tests/fuzz/targets.rs)
fi
for target in "${targets[@]}"; do
  corpus="$base/corpus/$target"
  mkdir -p "$corpus"
  kept=()
  if [ -d "tests/fuzz/corpus/$target" ]; then kept=("tests/fuzz/corpus/$target"); fi
  echo "== $target, $seconds s"
  FUZZ_TARGET="$target" FUZZ_SEEDS="$corpus" "$binary" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="$base/found/$target-" "$corpus" "${kept[@]}"
done
echo "${#targets[@]} parsers, nothing found"
