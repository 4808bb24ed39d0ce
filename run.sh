#!/usr/bin/env bash
# From a fresh clone to a working troupe: sets the system up, brings the model, builds, and runs the
# librarians on a local two-node cluster. Run it again at any time: what is done is not done twice.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'END'
usage: ./run.sh [OPTION...]

Installs what is missing (it says what, first), fetches the text model, builds, and starts the
demonstration: librarians who shelve the descriptions of this system's software packages, and
readers who ask them questions, on two linked nodes.

Options are handed to `troupe run librarians`, for example:
  --all            every package the system knows, not only 3,000
  --library DIR    your own folder of text instead
  --json           the report as JSON
All of them, once it is built: build/release/apps/troupe run --help

environment: TROUPE_MODEL_DIR    a folder with the model, if you have one already
END
}

case ${1-} in
  -h | --help) usage && exit ;;
esac

# Messages of the preparation go to stderr: with --json, stdout is the report and nothing else.
{
  tools/setup --run
  TROUPE_MODEL_DIR=$(tools/get-model)
  export TROUPE_MODEL_DIR
  tools/build release troupe
  echo "run.sh: ready after $((SECONDS / 60)) min $((SECONDS % 60)) s; starting the librarians"
} >&2

exec build/release/apps/troupe run librarians configs/quickstart.toml "$@"
