#!/bin/sh
# What `make install` leaves can be used with pkg-config alone, and `make
# uninstall` removes all of it.
#
#     CC=gcc tests/links/install.sh build
set -eu

build=$1
stage=$PWD/$build/stage
rm -rf "$stage"
mkdir -p "$build/tests/links"

install_to_stage() {
	${MAKE:-make} --no-print-directory "$1" DESTDIR="$stage" PREFIX=/opt/loss >/dev/null
}

install_to_stage install
export PKG_CONFIG_PATH="$stage/opt/loss/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$stage"
# shellcheck disable=SC2046
$CC -std=gnu11 ${SANITIZE-} -o "$build/tests/links/installed" tests/links/lib_alone.c \
	$(pkg-config --cflags --libs loss) -lm
LD_LIBRARY_PATH="$stage/opt/loss/lib" "$build/tests/links/installed"
"$stage/opt/loss/bin/lossd" --version

install_to_stage uninstall
left=$(find "$stage" ! -type d)
[ -z "$left" ] || { echo "FAILED: uninstall leaves $left" >&2; exit 1; }
echo "installed, used and removed"
