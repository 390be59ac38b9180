"""The requests of spec/http/real_clients_spec.lua, by python3-aiohttp."""
import asyncio, sys
import aiohttp

base = "http://" + sys.argv[1]


def tell(*words):
    print(*words, flush=True)


async def pieces():
    for _ in range(30):
        yield b"x" * 1000


async def main():
    async with aiohttp.ClientSession() as session:
        async with session.get(base + "/hello") as r:
            tell("hello", r.status, await r.text())
        async with session.post(base + "/echo", data=b"x" * 100000) as r:
            tell("echo", r.status, len(await r.read()))
        async with session.post(base + "/echo", data=pieces()) as r:
            tell("chunked", r.status, len(await r.read()))
        async with session.get(base + "/stream") as r:
            tell("stream", r.status, len(await r.read()))
        async with session.head(base + "/hello") as r:
            tell("head", r.status, r.headers["Content-Length"])
        async with session.get(base + "/empty") as r:
            tell("empty", r.status, len(await r.read()))
        async with session.get(base + "/raise") as r:
            tell("raise", r.status, r.headers["Connection"])
        try:
            async with session.get(base + "/cut") as r:
                await r.read()
                tell("cut whole")
        except aiohttp.ClientError:
            tell("cut noticed")
        async with session.post(base + "/echo", data=b"x" * 1000, expect100=True) as r:
            tell("expect", r.status, len(await r.read()))
        await session.get(base + "/hello")
        tell("looping")
        served = 0
        while True:
            try:
                async with session.get(base + "/hello") as r:
                    assert await r.text() == "hello"
                served += 1
            except aiohttp.ClientConnectorError:
                tell("lost", 0 if served else 1)
                return
            except aiohttp.ClientError:
                tell("lost", 1)
                return
            await asyncio.sleep(0.01)


asyncio.run(main())
