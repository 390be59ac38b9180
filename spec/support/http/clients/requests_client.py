"""The requests of spec/http/real_clients_spec.lua, by python3-requests."""
import sys, time
import requests

base = "http://" + sys.argv[1]
session = requests.Session()
session.trust_env = False


def tell(*words):
    print(*words, flush=True)


def pieces():
    for _ in range(30):
        yield b"x" * 1000


r = session.get(base + "/hello")
tell("hello", r.status_code, r.text)
r = session.post(base + "/echo", data=b"x" * 100000)
tell("echo", r.status_code, len(r.content))
r = session.post(base + "/echo", data=pieces())
tell("chunked", r.status_code, len(r.content))
r = session.get(base + "/stream")
tell("stream", r.status_code, len(r.content))
r = session.head(base + "/hello")
tell("head", r.status_code, r.headers["Content-Length"])
r = session.get(base + "/empty")
tell("empty", r.status_code, len(r.content))
r = session.get(base + "/raise")
tell("raise", r.status_code, r.headers["Connection"])
try:
    r = session.get(base + "/cut")
    tell("cut whole")
except requests.exceptions.RequestException:
    tell("cut noticed")
session.get(base + "/hello")
tell("looping")
served = 0
while True:
    try:
        assert session.get(base + "/hello").text == "hello"
        served += 1
    except requests.exceptions.ConnectionError as error:
        refused = "refused" in str(error)
        tell("lost", 0 if refused and served else 1)
        break
    time.sleep(0.01)
