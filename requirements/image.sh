#!/bin/sh
# What makes the runtime image, one part a call. The Containerfile calls them, and so does the test cluster's node, which
# has no builder of images; docs/runtime-image.md. Those that fetch run outside the image, on what the tree pins:
#
#   image.sh environment DIR   the virtual environment DIR, with the wheels of image.lock and no Python of its own
#   image.sh program DIR       mlopsctl into it, built from this tree
#
# and these run as root in the image, with the environment at /opt/mlopsctl:
#
#   image.sh root              a user; nothing to become root by, nothing to read, nothing to write to but /tmp
#   image.sh compile [DIR…]    bytecode, of all or of these, which a read-only root needs from the start
set -eu
umask 022

python=3.11
packages() { echo "$1/lib/python$python/site-packages"; }

environment() {
	mkdir -p "$1/bin"
	ln -sf /usr/bin/python3 "$1/bin/python3"
	ln -sf python3 "$1/bin/python"
	printf 'home = /usr/bin\ninclude-system-site-packages = false\nversion = %s\n' $python >"$1/pyvenv.cfg"
	# Debian 12 has glibc 2.36; whoever installs may have another one, or another Python.
	uv pip install --quiet --target "$(packages "$1")" --python-version $python --link-mode copy \
		--python-platform "$(uname -m)-manylinux_2_36" --only-binary :all: --require-hashes -r requirements/image.lock
	mv "$(packages "$1")/bin/uv" "$1/bin/uv"
	rm -r "$(packages "$1")/bin" "$(packages "$1")/.lock"
}

program() {
	wheels=$(mktemp -d)
	uv build --quiet --wheel --out-dir "$wheels" --build-constraints requirements/dev.lock --require-hashes .
	# A wheel of Python alone is installed by unpacking it. Its command stays out: it needs more than is here.
	python3 -m zipfile -e "$wheels"/*.whl "$(packages "$1")"
	rm -r "$wheels"
}

root() {
	echo 'mlopsctl:x:65532:65532:mlopsctl:/tmp:/usr/sbin/nologin' >>/etc/passwd
	echo 'mlopsctl:x:65532:' >>/etc/group
	rm -rf /usr/share/man /usr/share/info /usr/share/locale /usr/share/lintian /usr/share/bug \
		/var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/cache/ldconfig/* /var/log/* /var/lib/dpkg/*-old
	# Licences stay.
	find /usr/share/doc ! -type d ! -name copyright -delete
	find /usr/share/doc -depth -type d -empty -delete
	find / -xdev \( -type f -o -type d \) -perm /6000 -exec chmod u-s,g-s {} +
	find / -xdev -type d -perm -0002 ! -path /tmp -exec chmod o-w,-t {} +
}

compile() {
	# Not by time: the dates of files change on the way into an image. Not by digest either: nothing here will change.
	[ $# -gt 0 ] || set -- /usr/lib/python3 /usr/lib/python$python /usr/share/python3 "$(packages /opt/mlopsctl)"
	PYTHONHASHSEED=0 python3 -m compileall -q -f --invalidation-mode unchecked-hash "$@"
}

case ${1-} in
environment | program) "$1" "${2:?which folder?}" ;;
root | compile) "$@" ;;
*)
	echo "image.sh: which part? environment DIR, program DIR, root or compile [DIR…]" >&2
	exit 64
	;;
esac
