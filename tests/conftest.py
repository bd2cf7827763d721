"""For every test: the same examples of properties in each run, and no other machine to talk to.

HYPOTHESIS_PROFILE=search looks for other examples.
"""

import os
import socket
import sys

from hypothesis import HealthCheck, settings

settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("search", parent=settings.get_profile("steady"), derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

#: Where the servers are that tests start themselves.
HERE = {"127.0.0.1", "::1", "localhost", socket.gethostname()}


class NetworkError(BaseException):
    """Something asked another machine; no handler of Exceptions takes it for a bad connection."""


def alone(event, arguments):
    """Refuse to look another machine up, or to connect to it: all here works without a network."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and arguments[0].type == socket.SOCK_STREAM:
        host = arguments[1][0] if isinstance(arguments[1], tuple) else None  # a file's name is here
    else:
        return
    name = host.decode() if isinstance(host, bytes) else host
    if name and name not in HERE:
        raise NetworkError(name)


sys.addaudithook(alone)
