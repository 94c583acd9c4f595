"""The load on a user service, whoever wrote it: POST /users and GET /users/{username}."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPConnection
from time import monotonic, sleep
from typing import Final

import msgspec

from bench.events import created
from bench.load import CONNECTIONS, load, send_all
from bench.meter import Meter
from bench.servers import HOST

_USERS: Final = 3_000
_CREATED: Final = 201
_OK: Final = 200
_PATIENCE: Final = 30.0


Service = tuple[int, Callable[[], float]]
"""The port of a service, and what tells the memory it used."""


def measure_posts(port: int, peak: Callable[[], float], meter: Meter) -> None:
    """Create new users, one per request."""
    _warm_up(port)
    load(HOST, port, lambda number: _post(_USERS + number), wanted=_CREATED, meter=meter)
    meter.note("peak_mib", peak())


def measure_gets(port: int, peak: Callable[[], float], meter: Meter) -> None:
    """Ask for one of some users per request."""
    _warm_up(port)
    requests = [_get(number) for number in range(_USERS)]
    load(HOST, port, lambda number: requests[number % _USERS], wanted=_OK, meter=meter)
    meter.note("peak_mib", peak())


def _warm_up(port: int) -> None:
    """Create users and ask for each: compilers, pools and caches are at work then."""
    send_all(HOST, port, _post, _USERS, wanted=_CREATED)
    for number in range(_USERS - CONNECTIONS, _USERS):  # one of them came last
        _await_user(port, number)
    send_all(HOST, port, _get, _USERS, wanted=_OK)


def _post(number: int) -> bytes:
    user = created(number)
    body = msgspec.json.encode({"username": user.username, "fullName": user.full_name})
    return (
        b"POST /users HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )


def _get(number: int) -> bytes:
    return f"GET /users/{created(number).username} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()


def _await_user(port: int, number: int) -> None:
    """Return once the read model knows user *number*."""
    deadline = monotonic() + _PATIENCE
    connection = HTTPConnection(HOST, port, timeout=_PATIENCE)
    while True:
        connection.request("GET", f"/users/{created(number).username}")
        answer = connection.getresponse()
        answer.read()
        if answer.status == _OK:
            break
        assert monotonic() < deadline, "the read model does not catch up"
        sleep(0.05)
    connection.close()
