"""The connections of spec/http/websocket_clients_spec.lua, by python3: argument 2 is "websockets", "aiohttp"
or "autobahn"."""
import asyncio
import random
import sys

address, kind, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
echoed = 0


def heard(one, text, back):
    global echoed
    if back == 3:
        echoed += 1
        if echoed == count:
            print("looping", flush=True)
    return text == f"{one} {back}"


async def websockets_talk(one):
    import websockets
    sent, back, fine = 0, 0, True
    async with websockets.connect(f"ws://{address}/chat") as socket:
        async def listen():
            nonlocal back, fine
            async for text in socket:
                back += 1
                fine = heard(one, text, back) and fine
        listener = asyncio.create_task(listen())
        try:
            while True:
                await socket.send(f"{one} {sent + 1}")
                sent += 1
                await asyncio.sleep(random.random() * 0.04)
        except websockets.ConnectionClosed:
            pass
        try:
            await listener
        except websockets.ConnectionClosedError as error:
            fine = fine and error.rcvd is not None
        return sent, socket.close_code, fine


async def aiohttp_talk(one):
    import aiohttp
    sent, back, fine = 0, 0, True
    async with aiohttp.ClientSession() as session, session.ws_connect(f"http://{address}/chat") as socket:
        async def listen():
            nonlocal back, fine
            async for message in socket:
                back += 1
                fine = heard(one, message.data, back) and fine
        listener = asyncio.create_task(listen())
        while not socket.closed:
            try:
                await socket.send_str(f"{one} {sent + 1}")
            except ConnectionError:
                break
            sent += 1
            await asyncio.sleep(random.random() * 0.04)
        await listener
        return sent, socket.close_code, fine and not socket.exception()


async def autobahn_talk(one):
    from autobahn.asyncio.websocket import WebSocketClientFactory, WebSocketClientProtocol
    loop = asyncio.get_running_loop()
    opened, closed = loop.create_future(), loop.create_future()
    sent, back, fine = 0, 0, True

    class Client(WebSocketClientProtocol):
        def onOpen(self):
            opened.set_result(self)

        def onMessage(self, payload, is_binary):
            nonlocal back, fine
            back += 1
            fine = heard(one, payload.decode(), back) and fine

        def onClose(self, was_clean, code, reason):
            closed.set_result((was_clean, code))

    factory = WebSocketClientFactory(f"ws://{address}/chat", loop=loop)
    factory.protocol = Client
    host, port = address.split(":")
    await loop.create_connection(factory, host, int(port))
    socket = await opened
    while socket.state == Client.STATE_OPEN:
        socket.sendMessage(f"{one} {sent + 1}".encode())
        sent += 1
        await asyncio.sleep(random.random() * 0.04)
    was_clean, code = await closed
    return sent, code, fine and was_clean


async def talk(one):
    kinds = {"websockets": websockets_talk, "aiohttp": aiohttp_talk, "autobahn": autobahn_talk}
    sent, code, fine = await kinds[kind](one)
    print("end", one, sent, code, 0 if fine else 1, flush=True)


async def main():
    await asyncio.gather(*(talk(one) for one in range(count)))

asyncio.run(main())
