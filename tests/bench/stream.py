"""Large bodies by plain sockets: nothing here may be slower than what is measured."""

from __future__ import annotations

import re
import socket
import threading
from types import TracebackType

PART = bytes(256 << 10)
TIMEOUT_SECONDS = 60


class StreamUpstream:
    """An upstream for one path of each kind: `/small`, `/down` (a large answer) and `/up` (a large request)."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return  # The listener was closed: the measure is over.
            threading.Thread(target=answer_all, args=[connection, self.size], daemon=True).start()

    def __enter__(self) -> StreamUpstream:
        return self

    def __exit__(self, kind: type | None, raised: BaseException | None, trace: TracebackType | None) -> None:
        self.listener.close()


def answer_all(connection: socket.socket, size: int) -> None:
    """Answers requests until the connection ends."""
    connection.settimeout(TIMEOUT_SECONDS)
    with connection:
        while True:
            try:
                head, rest = read_head(connection)
            except OSError:
                return
            if head.startswith(b"PUT /up "):
                read_exactly(connection, size - len(rest))
            if head.startswith(b"GET /down "):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
                write_body(connection, size)
            else:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def receive_body(address: str, size: int) -> None:
    """Asks for the body and reads it."""
    with connect(address) as connection:
        connection.sendall(b"GET /down HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
        head, rest = read_head(connection)
        check(head)
        read_exactly(connection, size - len(rest))


def send_body(address: str, size: int) -> None:
    """Sends a body of some bytes and waits for the answer."""
    with connect(address) as connection:
        connection.sendall(b"PUT /up HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n" % size)
        write_body(connection, size)
        head, _ = read_head(connection)
        check(head)


def connect(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=TIMEOUT_SECONDS)


def check(head: bytes) -> None:
    if not head.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(f"the answer is not 200: {head[:200]!r}")


def content_length(head: bytes) -> int:
    found = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    if not found:
        raise SystemExit(f"the answer tells no length: {head[:500]!r}")
    return int(found.group(1))


def read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """A head, and what came after it. An end before that is a ConnectionError."""
    text = b""
    while b"\r\n\r\n" not in text:
        part = connection.recv(64 << 10)
        if not part:
            raise ConnectionError("the connection ended before a whole head came")
        text += part
    head, _, rest = text.partition(b"\r\n\r\n")
    return head, rest


def read_exactly(connection: socket.socket, count: int) -> None:
    buffer = bytearray(1 << 20)
    while count > 0:
        read = connection.recv_into(buffer)
        if not read:
            raise ConnectionError(f"the connection ended with {count} bytes missing")
        count -= read


def write_body(connection: socket.socket, size: int) -> None:
    for _ in range(size // len(PART)):
        connection.sendall(PART)
