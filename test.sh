#!/usr/bin/env bash
# Everything that CI checks, from a fresh clone: sets the system up, brings the model, builds with
# warnings as errors, runs all tests, and runs them again under the address and undefined-behaviour
# sanitizers. Run it again at any time: what is done is not done twice.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'END'
usage: ./test.sh [--fast]

Installs what is missing (it says what, first), fetches the text model and the clients that the
tests use, builds, and runs every test: units, simulation, layers, wire format, fuzzing, and
clusters of real processes.

  --fast    without the second round under the sanitizers

environment: TROUPE_MODEL_DIR    a folder with the model, if you have one already
END
}

fast=false
for argument in "$@"; do
  case $argument in
    --fast) fast=true ;;
    -h | --help) usage && exit ;;
    *) usage >&2 && exit 2 ;;
  esac
done

stages=''
stage_start_s=0
stage_done() {
  stages+="${stages:+, }$1 $(clock $((SECONDS - stage_start_s)))"
  stage_start_s=$SECONDS
}
clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }
say() { printf '\n== %s\n' "$*"; }

# However it ends: where the time went, and ctest's own summary of the last round as the last words.
summary=$(mktemp)
finish() {
  local status=$?
  say "test.sh: $( ((status == 0)) && echo passed || echo FAILED) after $(clock $SECONDS) min" \
    "($stages)"
  sed -n '/tests passed,/,$p' "$summary"
  rm -f "$summary"
}

run_tests() {
  # pipefail hands ctest's status through.
  ctest --preset "$1" --no-tests=error 2>&1 </dev/null | tee "$summary"
}

trap finish EXIT

say "set-up"
tools/setup --test
TROUPE_MODEL_DIR=$(tools/get-model)
export TROUPE_MODEL_DIR
tools/get-clients
stage_done "set-up"

say "build, optimised"
tools/build dev
stage_done "build"

say "tests, optimised"
run_tests dev
stage_done "tests"

if ! $fast; then
  say "build, with sanitizers"
  : >"$summary"  # a build that fails must not be followed by the other round's success
  tools/build asan
  stage_done "sanitizer build"

  say "tests, with sanitizers"
  export ASAN_OPTIONS=${ASAN_OPTIONS-detect_stack_use_after_return=1}
  export UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1}
  run_tests asan
  stage_done "sanitizer tests"
fi
