#!/bin/bash
# server -> api -> lib, never back: proved by linking each layer without those
# above it, and by what the objects ask for and export.
#
#     CC=gcc LIBS_API=... tests/links/links.sh build api-objects...
set -euo pipefail
export LC_ALL=C

build=$1
shift
api_objects=("$@")
here=$(dirname "$0")
out=$build/tests/links
mkdir -p "$out"

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# The words of a list without its comments.
words() {
	sed 's/#.*//' "$1" | tr -s ' \t' '\n' | sed '/^$/d' | sort -u
}

# What objects or archives want of others, themselves left out.
wanted() {
	comm -23 <(nm -u "$@" | awk 'NF == 2 {print $2}' | sort -u) \
		 <(nm --defined-only "$@" | awk 'NF == 3 {print $3}' | sort -u)
}

soname() {
	objdump -p "$build/libloss.so" | awk '$1 == "SONAME" {print $2}'
}

compile() { # output, source, rest
	local output=$1 source=$2
	shift 2
	# shellcheck disable=SC2086
	$CC -std=gnu11 -Wall -Wextra ${SANITIZE-} -o "$out/$output" "$source" "$@"
}

lib_alone() {
	compile lib_static "$here/lib_alone.c" -Ilib "$build/libloss.a" -lm
	"$out/lib_static"
	ln -sf ../../libloss.so "$out/$(soname)"
	compile lib_shared "$here/lib_alone.c" -Ilib "$build/libloss.so" -lm -Wl,-rpath,"$out"
	"$out/lib_shared"
}

api_alone() {
	# shellcheck disable=SC2086
	compile api_alone "$here/api_alone.c" -Ilib -Iapi "${api_objects[@]}" "$build/libloss.a" \
		-static-libgcc $LIBS_API
	"$out/api_alone"
}

# The compiler's sanitizers may add their own.
lib_wants_little() {
	local extra
	extra=$(comm -23 <(wanted "$build/libloss.a") <(words "$here/allowed.txt") |
		grep -Ev '^__(asan|ubsan|tsan|sanitizer)_' || true)
	[ -z "$extra" ] || fail "libloss wants what tests/links/allowed.txt does not list:" $extra
	echo "libloss.a wants $(wanted "$build/libloss.a" | wc -l) symbols, all allowed"
}

# A lock is no thread: pages.c serves those of whoever calls it.
api_opens_nothing() {
	local extra
	extra=$(wanted "${api_objects[@]}" "$build/libloss.a" |
		grep -Ev '^pthread_mutex_(un)?lock$' |
		grep -E '^(MHD_|uv_|pthread_|thrd_|socket|bind|listen|accept|connect|epoll_|fork)' || true)
	[ -z "$extra" ] || fail "api opens sockets or starts threads:" $extra
	echo "api has no socket and no thread"
}

# Exactly what the public headers declare.
exports_the_headers() {
	local name names
	names=$(nm -D --defined-only "$build/libloss.so" | awk '{print $3}' | grep -v '^__[a-z]*san_' |
		sort)
	[ -n "$names" ] || fail "libloss.so exports nothing"
	for name in $names; do
		[[ $name == loss_* ]] || fail "libloss.so exports $name"
		grep -qw "$name" lib/loss.h lib/loss_diagnose.h ||
			fail "libloss.so exports $name, which no public header has"
	done
	[[ $(soname) =~ ^libloss\.so\.[0-9]+$ ]] || fail "the soname is '$(soname)'"
	echo "libloss.so exports $(wc -w <<<"$names") names, all of the public headers"
}

# By the compiler's own list of what each object read.
includes_point_down() {
	local wrong
	wrong=$(find "$build/lib" -name '*.d' -exec grep -lE '(^| |/)(api|server)/' {} +
		find "$build/api" -name '*.d' -exec grep -lE '(^| |/)server/' {} +) || true
	[ -z "$wrong" ] || fail "includes point up:" $wrong
	echo "no include points up"
}

lib_alone
api_alone
lib_wants_little
api_opens_nothing
exports_the_headers
includes_point_down
