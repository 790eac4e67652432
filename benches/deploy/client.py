"""A client that keeps count: requests at a fixed rate over kept connections, and WebSockets that stay open.

Requests leave when they are due, not when the one before is answered, and their time counts from when they were due.
"""

import asyncio, base64, collections, json, os, struct, sys, time


class Count:
    def __init__(self):
        self.status = collections.Counter()      # by (status, build)
        self.errors = collections.Counter()
        self.retried = 0
        self.sockets = collections.Counter()     # opened, closed, broken
        self.segments = collections.defaultdict(list)   # by build: [first due, last due], a new one after a pause

    def answer(self, due, status, build):
        self.status[(status, build)] += 1
        segments = self.segments[build]
        if segments and due - segments[-1][1] < 1:
            segments[-1][1] = max(due, segments[-1][1])
        else:
            segments.append([due, due])

    def document(self):
        return {
            "segments": self.segments,
            "requests": sum(self.status.values()) + sum(self.errors.values()),
            "status": {f"{status} {build}": times for (status, build), times in sorted(self.status.items())},
            "errors": dict(self.errors),
            "retried": self.retried,
            "sockets": dict(self.sockets),
        }


async def read_answer(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    if fields.get("transfer-encoding", "").lower() == "chunked":
        while True:
            size = int((await reader.readline()).split(b";")[0], 16)
            await reader.readexactly(size + 2)
            if size == 0:
                break
    else:
        await reader.readexactly(int(fields.get("content-length", "0")))
    keeps = fields.get("connection", "").lower() != "close"
    return int(lines[0].split()[1]), fields.get("x-build", "-"), keeps


class Pool:
    """Connections that are not busy. One that the server closed while it was idle is tried once more on a new one, as
    RFC 9110 lets clients do for GET, and counted apart."""

    def __init__(self, host, port, count):
        self.host, self.port, self.count, self.idle = host, port, count, []

    async def get(self, path, due):
        for attempt in (1, 2):
            kept = bool(self.idle)
            answered = False
            try:
                reader, writer = self.idle.pop() if kept else await asyncio.open_connection(self.host, self.port)
                writer.write(f"GET {path} HTTP/1.1\r\nhost: {self.host}:{self.port}\r\n\r\n".encode())
                first = await asyncio.wait_for(reader.read(1), 30)
                if not first:
                    raise ConnectionResetError("closed before an answer")
                answered = True
                reader._buffer[:0] = first
                status, build, keeps = await asyncio.wait_for(read_answer(reader), 30)
            except Exception as error:
                if kept and not answered and attempt == 1:
                    self.count.retried += 1
                    self.idle.clear()
                    continue
                self.count.errors[type(error).__name__ + ": " + str(error)[:60]] += 1
                return
            if keeps:
                self.idle.append((reader, writer))
            else:
                writer.close()
            self.count.answer(due, status, build)
            return


async def steady(host, port, path, rate, count, stop):
    pool, tasks = Pool(host, port, count), set()
    due = time.monotonic()
    while not stop.is_set():
        due += 1 / rate
        wait = due - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(pool.get(path, due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    if tasks:
        await asyncio.wait(tasks, timeout=35)


async def socket(host, port, path, count, stop):
    """One WebSocket that is opened again whenever it ends; one that ends without a close frame is broken."""
    while not stop.is_set():
        try:
            reader, writer = await asyncio.open_connection(host, port)
            key = base64.b64encode(os.urandom(16)).decode()
            writer.write((f"GET {path} HTTP/1.1\r\nhost: {host}:{port}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
                          f"sec-websocket-key: {key}\r\nsec-websocket-version: 13\r\n\r\n").encode())
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            if b" 101 " not in head.split(b"\r\n")[0]:
                count.errors["no socket: " + head.split(b"\r\n")[0].decode()] += 1
                await asyncio.sleep(0.2)
                continue
        except Exception as error:
            count.errors["no socket: " + type(error).__name__] += 1
            await asyncio.sleep(0.2)
            continue
        count.sockets["opened"] += 1
        count.sockets[await hold(reader, writer, stop)] += 1
        writer.close()


async def hold(reader, writer, stop):
    """Sends a word a second; says how it ended."""
    async def words():
        while not stop.is_set():
            writer.write(b"\x81\x82" + b"\0\0\0\0" + b"hi")
            await asyncio.sleep(1)
        writer.write(b"\x88\x82" + b"\0\0\0\0" + struct.pack(">H", 1000))
    speaking = asyncio.create_task(words())
    try:
        while True:
            first, second = await reader.readexactly(2)
            length = second & 127
            if length == 126:
                length = struct.unpack(">H", await reader.readexactly(2))[0]
            body = await reader.readexactly(length)
            if first & 15 == 8:
                if not stop.is_set():
                    writer.write(b"\x88" + bytes([128 | len(body)]) + b"\0\0\0\0" + body)
                return "ended by us" if stop.is_set() else "closed"
    except Exception:
        return "ended by us" if stop.is_set() else "broken"
    finally:
        speaking.cancel()


async def main(host, port, rate, sockets):
    count, stop = Count(), asyncio.Event()
    work = [asyncio.create_task(steady(host, port, "/", rate, count, stop))] if rate else []
    work += [asyncio.create_task(socket(host, port, "/ws", count, stop)) for _ in range(sockets)]
    loop = asyncio.get_running_loop()
    # Told to stop when standard input ends: a parent that dies takes us along.
    await loop.run_in_executor(None, sys.stdin.read)
    stop.set()
    await asyncio.wait(work, timeout=40)
    print(json.dumps(count.document()), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
