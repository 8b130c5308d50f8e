#!/usr/bin/env bash
# One fuzz target under the address sanitizer, libjpeg-turbo's C with it and its branches followed: fuzz.sh headers|png|jpeg|resample [libFuzzer's options].
# Needs cargo-fuzz (cargo install cargo-fuzz), cmake, a C++ compiler, on x86-64 nasm; no nightly toolchain. What it finds lies in artifacts/TARGET.
set -euo pipefail
cd "$(dirname "$0")"
target="${1:?expected a target: headers, png, jpeg or resample}"
shift

# first inputs: this repository's own small pictures
fixtures=../../../packages/imaging/test/fixtures
corpus="corpus/$target"
mkdir -p "$corpus"
little() { printf "\\x$(printf %02x $(($1 % 256)))\\x$(printf %02x $(($1 / 256)))"; }
case "$target" in
  png) cp "$fixtures"/*.png "$corpus" ;;
  jpeg) cp "$fixtures"/*.jpg "$corpus" ;;
  headers)
    for file in "$fixtures"/*.png; do
      read -r width height < <(od -An -tu1 -j16 -N8 "$file" | awk '{ print $3 * 256 + $4, $7 * 256 + $8 }')
      { printf '\0'; little "$width"; little "$height"; cat "$file"; } >"$corpus/$(basename "$file")"
    done
    # all of them are of this size
    for file in "$fixtures"/*.jpg; do
      { printf "\1"; little 37; little 23; cat "$file"; } >"$corpus/$(basename "$file")"
    done
    ;;
  resample)
    for sides in "1 1 1" "64 48 32" "7 100 9" "300 2 5" "40 40 40" "33 65 224"; do
      for side in $sides; do little "$side"; done >"$corpus/${sides// /-}"
      head -c 200 "$fixtures/rgb.png" >>"$corpus/${sides// /-}"
    done
    ;;
  *) echo "no target $target: expected headers, png, jpeg or resample" >&2; exit 2 ;;
esac

mkdir -p target
cc -O1 -c branches.c -o target/branches.o
export RUSTC_BOOTSTRAP=1
export CFLAGS="-fsanitize=address -fsanitize-coverage=trace-pc,trace-cmp"
export LDFLAGS="$PWD/target/branches.o"
export RUSTFLAGS="${RUSTFLAGS:-} -Clink-arg=$PWD/target/branches.o"
exec cargo fuzz run "$target" -- -rss_limit_mb=2048 -timeout=10 "$@"
