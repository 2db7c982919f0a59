#!/bin/sh
# Compiles the crates of this tree, and not what they depend on, so that libFuzzer sees which way an
# input takes through them (the flags are cargo-fuzz's). For RUSTC_WORKSPACE_WRAPPER.
rustc=$1
shift
case " $* " in
  # These run while the build does.
  *' --crate-name build_script_build '* | *' --crate-type proc-macro '* | *' - '*) exec "$rustc" "$@" ;;
esac
exec "$rustc" "$@" --cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 \
  -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares
