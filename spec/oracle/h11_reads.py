"""Compares what we read of requests with what h11 reads of them: oracle --tell SEED COUNT FILE... | h11_reads.py

What we accept, h11 has to accept too, with the same method, target, body and fields. Exceptions:

  an empty line before the request     h11 refuses it
  Transfer-Encoding: CHUNKED           h11 gives it in lower case
"""
import sys

import h11


def read(message):
    conn = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 16)
    conn.receive_data(message.removeprefix(b"\r\n"))
    conn.receive_data(b"")
    request = conn.next_event()
    body, event = b"", conn.next_event()
    while isinstance(event, h11.Data):
        body, event = body + bytes(event.data), conn.next_event()
    if not isinstance(request, h11.Request) or not isinstance(event, h11.EndOfMessage):
        raise h11.RemoteProtocolError("no whole request")
    fields = [*request.headers.raw_items(), *event.headers.raw_items()]
    return request.method, request.target, body, [(bytes(name), bytes(value)) for name, value in fields]


def blocks(lines):
    block = []
    for line in lines:
        if line == "\n":
            yield block
            block = []
        else:
            block.append([bytes.fromhex(word) for word in line[:-1].split(" ")])


def as_h11_gives(name, value):
    return name, value.lower() if name.lower() == b"transfer-encoding" else value


count = 0
for (message,), (method, target, body), *fields in blocks(sys.stdin):
    count += 1
    try:
        theirs = read(message)
    except h11.RemoteProtocolError as error:
        theirs = error
    ours = (method, target, body, [as_h11_gives(*field) for field in fields])
    if theirs != ours:
        print("differ:", message, theirs, ours, sep="\n")
        sys.exit(1)
print(count, "requests")
