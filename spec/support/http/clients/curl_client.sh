#!/bin/sh
# The requests of spec/http/real_clients_spec.lua, by curl; several requests of one run share a connection.
base=http://$1
ask() { curl --noproxy '*' -s -S "$@" 2>/dev/null; }
count() { wc -c | tr -d ' '; }
body=$(mktemp) && trap 'rm -f "$body"' EXIT
head -c 100000 /dev/zero >"$body"

echo "hello $(ask -w ' %{num_connects}' "$base/hello" "$base/hello")"
echo "echo 200 $(ask --data-binary "@$body" "$base/echo" | count)"
echo "chunked 200 $(head -c 30000 "$body" | ask -T - -X POST "$base/echo" | count)"
echo "stream 200 $(ask "$base/stream" | count)"
echo "head $(ask -I "$base/hello" | tr -d '\r' | awk 'NR == 1 { printf "%s ", $2 } /^Content-Length/ { print $2 }')"
echo "empty $(ask -w '%{http_code} %{size_download}' "$base/empty")"
echo "raise $(ask -i "$base/raise" | tr -d '\r' | awk 'NR == 1 { printf "%s ", $2 } /^Connection/ { print $2 }')"
ask "$base/cut" >/dev/null && echo "cut whole" || echo "cut noticed"
echo "expect $(ask -H 'Expect: 100-continue' --data-binary "@$body" -o /dev/null -w '%{http_code} %{size_download}' "$base/echo")"
echo "old $(ask -0 -w ' %{http_code}' "$base/stream" | tail -c 3)"
echo "unread $(ask --data-binary "@$body" -H 'Expect:' -w ' %{http_code}' "$base/unread")"
echo looping
status=0
while [ "$status" -eq 0 ]; do
  ask "$base/hello" >/dev/null
  status=$?
done
[ "$status" -eq 7 ] && echo "lost 0" || echo "lost $status" # 7: the connect was refused
