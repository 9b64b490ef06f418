#!/bin/sh
# The REST API by hand: register, call, submit and wait, look.
#   ./hello.sh [URL]             (with `npx mpcsfaas up` in another terminal)
set -eu
url=${1:-http://127.0.0.1:8000}

post() { curl -sS --fail-with-body -H 'content-type: application/json' "$url$1" -d "$2"; echo; }

echo '1. register'
post /v1/functions '{"name": "area", "runtime": "python", "source": "def area(a, b=1):\n    print(\"measuring\")\n    return a * b"}'

echo '2. call, and get the value itself'
post /v1/call/area '{"args": [6], "kwargs": {"b": 7}}'

echo '3. submit, wait for the end, read what was printed'
task=$(post /v1/tasks '{"function": "area", "args": [2, 3]}' | sed 's/.*"task_id":"\([^"]*\)".*/\1/')
curl -sS --fail-with-body "$url/v1/tasks/$task/result?wait_ms=60000"; echo
curl -sS --fail-with-body "$url/v1/tasks/$task/logs"; echo

echo '4. what is wrong is told in one sentence'
post /v1/call/nobody '{}' || true
