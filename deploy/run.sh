#!/bin/sh
# Start a lossd in the foreground and say how to ask it, once it answers.
#
#     deploy/run.sh build/lossd 127.0.0.1:8080
set -eu

lossd=$1
listen=$2

"$lossd" --listen "$listen" &
pid=$!
trap 'kill -TERM $pid 2>/dev/null' INT TERM

tries=100
until curl -fsS -o /dev/null "http://$listen/readyz" 2>/dev/null; do
	kill -0 $pid 2>/dev/null || { wait $pid; exit; }
	tries=$((tries - 1))
	[ $tries -gt 0 ] || { echo "lossd does not answer on $listen" >&2; kill $pid; exit 1; }
	sleep 0.1
done

cat <<EOF

lossd answers on http://$listen (Ctrl-C stops it).  In another terminal:

curl -s http://$listen/v1/evaluate -H 'Content-Type: application/json' -d '{"loss": "cross_entropy", "logits": [[0.2, 0.3, 0.4], [-0.02, -0.13, 0.2], [0.5, -0.3, 0.73]], "targets": [0, 2, 1]}'

EOF

# The first wait ends with the signal that the trap hands on, the second with
# lossd itself, which answers what it has accepted before it exits.
wait $pid && exit
kill -0 $pid 2>/dev/null || exit
wait $pid
