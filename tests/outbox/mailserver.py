"""A mail server of our own on the loopback address: it takes mail, refuses it, or takes its time."""

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as a client needs to hand over one message."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Talk)
        self.received: list[tuple[str, str]] = []
        self.refuses = False
        # Status at RCPT of single addresses; of None, of every one.
        self.statuses: dict[str | None, int] = {}
        self.slow_s = 0.0

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Talk(socketserver.StreamRequestHandler):
    server: MailServer

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        self.say("220 here")
        address = ""
        while line := self.rfile.readline().decode().strip():
            verb = line.split(" ")[0].split(":")[0].upper()
            if verb == "RCPT":
                address = line.split("<")[1].split(">")[0]
                statuses = self.server.statuses
                status = statuses.get(address, statuses.get(None, 250))
                self.say(f"{status} said of the address")
                if status == 421:
                    return
                continue
            if verb == "QUIT":
                self.say("221 bye")
                return
            if verb == "DATA":
                self.say("354 go on")
                self.take(address)
            else:
                self.say("250 ok")

    def take(self, address: str) -> None:
        lines = []
        while (line := self.rfile.readline().decode()) != ".\r\n":
            lines.append(line)
        time.sleep(self.server.slow_s)
        if self.server.refuses:
            self.say("451 not now")
            return
        self.server.received.append((address, "".join(lines)))
        self.say("250 taken")


@contextmanager
def mail_server(port: int = 0) -> Iterator[MailServer]:
    with MailServer(port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
