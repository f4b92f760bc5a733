"""Limits of what a connection holds in the kernel and for how long: the listening socket's, which it inherits."""

import os
import socket
from contextlib import suppress

# The kernel's own limit for what it keeps to be sent is some megabytes, and it keeps it for ever.
SEND_BUFFER_BYTES = 256 * 1024
UNREAD_SECONDS = 30
_OPEN_FILES = "/proc/self/fd"


def limit() -> None:
    """
    Limit the connections that this process takes from now on. Where there is no ``/proc``, nothing is done.

    The web server makes the listening socket of each process itself and gives it to nobody: it is looked for.
    """
    for name in os.listdir(_OPEN_FILES) if os.path.isdir(_OPEN_FILES) else ():
        with suppress(OSError), socket.socket(fileno=os.dup(int(name))) as one:
            if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and one.family != socket.AF_UNIX:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * UNREAD_SECONDS)
