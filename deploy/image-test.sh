#!/bin/bash
# Build the image for real and treat its container as an orchestrator would: no
# container engine and no registry is needed, only root on a Debian.
#
#     deploy/image-test.sh               on a base of Debian 12
#     SUITE=trixie deploy/image-test.sh  on one of Debian 13
#
# The base comes from debootstrap, the image from buildah.  Everything the test
# knows of the image (user, environment, entry point, health check, stop signal)
# it reads from the image itself.  The container is a chroot with a read-only
# root and namespaces of its own for mounts, processes and the network.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=${SUITE:-bookworm}
work=build/image
base=localhost/base:$suite
image=localhost/lossd:test
container=
buildah=(buildah --storage-driver vfs --root "$PWD/$work/storage" --runroot "$PWD/$work/run")

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

make_base() {
	[ -d "$work/$suite" ] || {
		echo "== debootstrap $suite"
		debootstrap --variant=minbase "$suite" "$work/$suite.part" >"$work/debootstrap.log" ||
			fail "debootstrap: see $work/debootstrap.log"
		mv "$work/$suite.part" "$work/$suite"
	}
	"${buildah[@]}" inspect --type image "$base" >/dev/null 2>&1 || {
		container=$("${buildah[@]}" from scratch)
		"${buildah[@]}" add -q "$container" "$work/$suite" /
		"${buildah[@]}" commit -q "$container" "$base"
		"${buildah[@]}" rm "$container" >/dev/null
	}
}

build_image() {
	echo "== build on $suite"
	"${buildah[@]}" bud --isolation chroot --format docker --layers --pull-never \
		--build-arg BASE="$base" -t "$image" . >"$work/build.log" 2>&1 ||
		{ tail -30 "$work/build.log"; fail "the image does not build"; }
}

# A Go template over the image's configuration, e.g. '{{.User}}'.
config() {
	"${buildah[@]}" inspect --type image --format "{{with .Docker.Config}}$1{{end}}" "$image"
}

# ---- Inside the namespaces ---------------------------------------------------

# Runs as `image-test.sh inside ROOT UID:GID SIGNAL ENTRYPOINT HEALTH [ENV]...`;
# the programs used here are the machine's, only lossd runs in the image.
inside() {
	local root=$1 user=$2 signal=$3 entry=$4 health=$5
	shift 5
	local in_image=(env -i "$@" unshare --root="$root" --setuid "${user%:*}" --setgid "${user#*:}")
	local url=http://127.0.0.1:8080 pid answer status

	mount -t proc proc /proc
	mount --bind "$root" "$root"
	mkdir -p "$root/proc" "$root/dev"
	mount -t proc proc "$root/proc"
	mount --bind /dev "$root/dev"
	mount -o remount,bind,ro "$root"
	ip link set lo up

	"${in_image[@]}" $health 2>/dev/null && fail "healthy before it runs"
	"${in_image[@]}" $entry &
	pid=$!
	for _ in $(seq 100); do
		"${in_image[@]}" $health >/dev/null 2>&1 && break
		sleep 0.1
	done
	"${in_image[@]}" $health || fail "the image's health check fails"
	echo "healthy"

	answer=$(curl -fsS $url/v1/evaluate -H 'Content-Type: application/json' -d '{
		"loss": "cross_entropy",
		"logits": [[0.2, 0.3, 0.4], [-0.02, -0.13, 0.2], [0.5, -0.3, 0.73]],
		"targets": [0, 2, 1]}') || fail "no answer"
	[[ $answer == *'"loss":'*1.3076527* && $answer == *'"verdict":'*'"ok"'* ]] ||
		fail "a wrong answer: $answer"
	echo "$answer"

	grep -q "^Uid:	${user%:*}	${user%:*}	" /proc/$pid/status || fail "runs as another user"
	grep -q '^CapEff:	0*$' /proc/$pid/status || fail "has capabilities"
	awk '$5 == "/"' /proc/$pid/mountinfo | grep -q ' ro[, ]' || fail "its root is writable"
	echo "user $user, no capability, read-only root"

	kill -s "$signal" $pid
	status=0
	wait $pid || status=$?
	[ $status = 0 ] || fail "$signal makes it exit with $status"
	"${in_image[@]}" $health >/dev/null 2>&1 && fail "healthy after its end"
	echo "$signal: exit 0"
}

# ---- Outside -----------------------------------------------------------------

test_container() {
	local root user signal entry health env
	user=$(config '{{.User}}')
	signal=$(config '{{.StopSignal}}')
	entry=$(config '{{range .Entrypoint}}{{.}} {{end}}')
	health=$(config '{{with .Healthcheck}}{{range .Test}}{{.}} {{end}}{{end}}')
	health=${health#CMD }
	mapfile -t env < <(config '{{range .Env}}{{println .}}{{end}}' | sed '/^$/d')

	[[ $user =~ ^[1-9][0-9]*:[1-9][0-9]*$ ]] || fail "the user is not a number: $user"
	[ "$signal" = SIGTERM ] || fail "the stop signal is $signal"
	[ -n "$health" ] || fail "no health check"

	container=$("${buildah[@]}" from "$image")
	root=$("${buildah[@]}" mount "$container")
	echo "== run: $(du -sh "$root" | cut -f1), $(find "$root" -type f | wc -l) files"
	! find "$root" -perm /6000 | grep . || fail "something is setuid"
	unshare --mount --pid --net --fork --kill-child \
		deploy/image-test.sh inside "$root" "$user" "${signal#SIG}" "$entry" "$health" "${env[@]}"
}

clean_up() {
	[ -z "$container" ] || "${buildah[@]}" rm "$container" >/dev/null 2>&1 || true
}

if [ "${1-}" = inside ]; then
	shift
	inside "$@"
	exit
fi

[ "$(id -u)" = 0 ] || fail "needs root, for chroot and namespaces"
deploy/install-packages image
mkdir -p "$work"
trap clean_up EXIT
make_base
build_image
test_container
echo "image on $suite: passed"
