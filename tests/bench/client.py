"""Single calls by plain sockets."""

from __future__ import annotations

import http.client

from load import Request


def fetch(address: str, request: Request) -> bytes:
    """The body of the answer, over a connection of its own. Anything but 200 ends the benchmark."""
    connection = open_to(address)
    try:
        return fetch_over(connection, request)
    finally:
        connection.close()


def fetch_over(connection: http.client.HTTPConnection, request: Request) -> bytes:
    """The same over a connection that is kept."""
    status, body = call_over(connection, request)
    if status != 200:
        where = f"{request.method} {request.path} at {connection.host}:{connection.port}"
        raise SystemExit(f"{where} was answered with {status}: {body[:500]!r}")
    return body


def call_over(connection: http.client.HTTPConnection, request: Request) -> tuple[int, bytes]:
    """Status and body."""
    connection.request(request.method, request.path, request.body or None, request.headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def open_to(address: str) -> http.client.HTTPConnection:
    """A connection that opens with its first request."""
    return http.client.HTTPConnection(address, timeout=60)
