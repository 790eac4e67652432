#!/usr/bin/env python3
"""Holds idle connections, each of which has made one request.

    benches/gateway/idle.py PORT COUNT [--tls]

Says `open`, waits for a line, and says how many of them the other side has closed meanwhile. A process of its own, so
that its memory and its CPU are nobody else's.
"""

import pathlib, select, socket, ssl, subprocess, sys

REQUEST = b"GET /api/x HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"


def open_one(port, context):
    stream = socket.create_connection(("127.0.0.1", port), 10)
    if context:
        stream = context.wrap_socket(stream)
    stream.sendall(REQUEST)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += stream.recv(4096) or sys.exit(f"port {port} closed a connection before it answered")
    head, body = answer.split(b"\r\n\r\n", 1)
    lines = head.lower().split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
    while len(body) < length:
        body += stream.recv(4096) or sys.exit(f"port {port} closed a connection in mid-body")
    if b" 200 " not in lines[0]:
        sys.exit(f"port {port} answered {lines[0]}")
    return stream


def closed(streams):
    poll = select.poll()
    for stream in streams:
        poll.register(stream, select.POLLRDHUP)
    return len(poll.poll(0))


def hold(port, count, tls):
    """From another process: `count` idle connections while the `with` lasts."""
    words = [pathlib.Path(__file__).resolve(), port, count, *(["--tls"] if tls else [])]
    return Held([sys.executable, *map(str, words)])


class Held:
    """The process that holds them."""

    def __init__(self, command):
        self.command = command

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "open":
            self.process.wait()
            sys.exit("the idle connections could not be opened, see above")
        return self

    def closed(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def main():
    port, count = int(sys.argv[1]), int(sys.argv[2])
    context = None
    if "--tls" in sys.argv:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    streams = [open_one(port, context) for _ in range(count)]
    print("open", flush=True)
    for _ in sys.stdin:
        print(closed(streams), flush=True)


if __name__ == "__main__":
    main()
