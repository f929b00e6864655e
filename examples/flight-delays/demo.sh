#!/usr/bin/env bash
# Real flights to a model that answers. Needs mlopsctl and uv on PATH; leaves data/ and .mlops/ behind.
set -eu
cd "$(dirname "$0")"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }

scratch=$(mktemp -d)
server=
finish() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM

say "The flights of 2013, a file a month"
uv venv --quiet --python "$(command -v python3)" "$scratch/venv"
VIRTUAL_ENV=$scratch/venv uv pip sync --quiet --require-hashes scripts/requirements.lock
"$scratch/venv/bin/python" scripts/make_data.py data

say "mlopsctl run flight-delays"
mlopsctl run flight-delays

say "mlopsctl serve flight-delays"
mkfifo "$scratch/served"
mlopsctl serve flight-delays --port 0 --output json >"$scratch/served" &
server=$!
# A server that ends before it is ready closes the pipe, and `read` fails at once.
exec 3<"$scratch/served"
read -r served <&3
field() { python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$served" "$1"; }
python3 scripts/ask.py "$(field predict_url)" request.json

say "mlopsctl runs show"
mlopsctl runs show "$(field run)"
