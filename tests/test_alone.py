"""Nothing needs a network: `tests/conftest.py` refuses one to every test, and it is seen here."""

from __future__ import annotations

import re
import socket
import urllib.request

import pytest

from tests.conftest import NetworkError


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "docs.example"])
def test_no_test_connects_elsewhere(host: str) -> None:
    with pytest.raises(NetworkError, match=f"^{re.escape(host)}$"):
        socket.create_connection((host, 80), timeout=1)


def test_nobody_mistakes_it_for_a_bad_connection() -> None:
    with pytest.raises(NetworkError, match=r"^docs\.example$"):
        urllib.request.urlopen("http://docs.example/objects.inv", timeout=1)


def test_a_server_of_a_test_is_reached() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as asked,
    ):
        assert asked.getpeername() == server.getsockname()
