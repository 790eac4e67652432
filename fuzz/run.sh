#!/bin/sh
# Runs a fuzz target on the stable toolchain: fuzz/run.sh NAME SECONDS
#
# libFuzzer (built by libfuzzer-sys with g++) needs the compiler's coverage pass, which stable has; cargo-fuzz and its
# sanitizers, which need nightly, are not used. New inputs go to a scratch folder; the committed corpus is only read.
set -eu
name=${1:?"usage: fuzz/run.sh NAME SECONDS"}
seconds=${2:?"usage: fuzz/run.sh NAME SECONDS"}
here=$(cd "$(dirname "$0")" && pwd)
host=$(rustc -vV | sed -n 's/^host: //p')
target=${CARGO_TARGET_DIR:-$here/target}/fuzz
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
flags="$flags -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
flags="$flags -Ccodegen-units=1 --cfg fuzzing"
cd "$here"
# An explicit target keeps these flags away from build scripts.
RUSTFLAGS="$flags" CARGO_TARGET_DIR="$target" cargo build --release --target "$host" --bin "$name"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# 64 KiB is larger than any real file; 5 s for one input would be a defect.
dictionary=
[ -f "$here/dict/$name.txt" ] && dictionary="-dict=$here/dict/$name.txt"
"$target/$host/release/$name" -max_total_time="$seconds" -max_len=65536 -timeout=5 -rss_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix="$here/artifact-$name-" $dictionary "$scratch" "$here/corpus/$name"
