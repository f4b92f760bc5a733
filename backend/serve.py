"""
The web server: ``python -m backend.serve [--host H] [--port N] [--workers N]``.

Plain HTTP/1.1: TLS is the work of the proxy in front.
"""

import argparse
import os
import resource
import signal
import socket
import subprocess
import sys

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

# Connections of each worker process: who holds one open, and sends nothing, holds up nobody.
CONNECTIONS = 4096
# Also of a connection that is kept alive without a request.
HEADER_SECONDS = 15
# Of what the server itself keeps for a connection in either direction; its own default is 417 KB.
CONNECTION_BYTES = 128 * 1024


def refuse_used_port(host: str, port: int) -> None:
    """End with a sentence where somebody listens: granian shares a port, and half of the requests would go there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sys.exit(f"The web server cannot listen on port {port} of {host}: {error.strerror}.")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m backend.serve", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=2, help="processes (2)")
    options = parser.parse_args()
    refuse_used_port(options.host, options.port)
    # granian starts a worker again that ended, for ever: one that cannot start (a wrong key) is found before.
    if subprocess.run([sys.executable, "-c", "import backend.asgi"]).returncode:
        sys.exit(1)
    # Seconds have passed since: another server may have started meanwhile.
    refuse_used_port(options.host, options.port)
    # A forked worker has granian's own handler until it has loaded the product, and a SIGTERM would be lost on it: the
    # server waited for such a worker for ever.
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    # Worker processes inherit it; the usual soft limit of 1,024 files is fewer than the connections.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = 4 * CONNECTIONS if most == resource.RLIM_INFINITY else min(4 * CONNECTIONS, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    Granian(
        "backend.asgi:application",
        address=options.host,
        port=options.port,
        interface=Interfaces.ASGINL,
        workers=options.workers,
        http=HTTPModes.http1,
        websockets=False,
        backlog=CONNECTIONS,
        backpressure=CONNECTIONS,
        http1_settings=HTTP1Settings(
            header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=CONNECTION_BYTES
        ),
        respawn_failed_workers=True,
    ).serve()


if __name__ == "__main__":
    main()
