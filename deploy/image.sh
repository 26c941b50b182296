#!/bin/sh
# Build the image `lossd` with the first container engine that works here.
#
#     IMAGE=lossd:1.0 BASE=debian:bookworm-slim deploy/image.sh
set -eu
cd "$(dirname "$0")/.."

image=${IMAGE:-lossd}
base=${BASE:-debian:trixie-slim}

if docker info >/dev/null 2>&1; then
	exec docker build --build-arg BASE="$base" -t "$image" .
elif command -v podman >/dev/null; then
	exec podman build --format docker --build-arg BASE="$base" -t "$image" .
elif command -v buildah >/dev/null; then
	exec buildah bud --format docker --build-arg BASE="$base" -t "$image" .
fi
echo "no docker, podman or buildah here that works" >&2
exit 1
