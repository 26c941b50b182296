#!/bin/sh
# Start a lossd in the foreground and say how to ask it, once it answers.
#
#     deploy/run.sh build/lossd 127.0.0.1:8080
set -eu

lossd=$1
listen=$2

# In a session of its own, so that a Ctrl-C comes once and by way of the trap: a
# second signal would make lossd drop what it is answering.
setsid "$lossd" --listen "$listen" &
pid=$!
trap 'kill -TERM $pid 2>/dev/null' INT HUP
trap 'trap "" TERM; kill -TERM $pid 2>/dev/null' TERM

# Its own answer and not that of another one which has the port already.
tries=100
until curl -fsS -o /dev/null "http://$listen/readyz" 2>/dev/null; do
	tries=$((tries - 1))
	[ $tries -gt 0 ] || { echo "lossd does not answer on $listen" >&2; kill $pid; exit 1; }
	kill -0 $pid 2>/dev/null || break
	sleep 0.1
done
sleep 0.1
kill -0 $pid 2>/dev/null || { wait $pid; exit; }

cat <<EOF

lossd answers on http://$listen (Ctrl-C stops it).  In another terminal:

curl -s http://$listen/v1/evaluate -H 'Content-Type: application/json' -d '{"loss": "cross_entropy", "logits": [[0.2, 0.3, 0.4], [-0.02, -0.13, 0.2], [0.5, -0.3, 0.73]], "targets": [0, 2, 1]}'

EOF

# wait ends with a signal that was handed on, too; lossd may still be draining.
status=0
wait $pid || status=$?
while kill -0 $pid 2>/dev/null; do
	status=0
	wait $pid || status=$?
done
exit $status
