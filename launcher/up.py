"""``up``: everything from an empty folder to a ready web server, kept alive until somebody stops it."""

import argparse
import json
import os
import signal
import socket
import sys
import time

import psutil

from launcher import product
from launcher.data import DataDir, write_private
from launcher.output import UserError, log, private
from launcher.processes import Supervisor, supervisor_of
from launcher.stop import stop_everything

DEFAULT_PORT = 8000


def up(options: argparse.Namespace) -> int:
    """Start everything, or show what runs already; print the address and the sign-ins."""
    # Of ./dev as it was called: what was installed since counts too.
    options.asked_at = psutil.Process().create_time()
    data, given = DataDir(options.data), product.given_servers()
    data.refuse_foreign()
    if ("DATABASE_URL" in given) != ("DATABASE_OWNER_URL" in given):
        raise UserError(
            "Set DATABASE_URL (the role that owns nothing) and DATABASE_OWNER_URL (the role that owns the "
            "database) together, or neither: then ./dev starts a PostgreSQL of its own (docs/operations.md)."
        )
    data.path.mkdir(parents=True, exist_ok=True)
    if options.fresh:
        _erase(data, given)
    lock = data.claim()
    if lock is None:
        _refuse_other_wishes(data, options, given)
        log("It runs already (`./dev down` stops it).")
        return _print_addresses(data, options)
    if options.detach and (child := _fork(data)):
        lock.close()  # the child's copy holds on
        return _follow(data, child, options)
    with supervisor_of(data, lock, attached=not options.detach) as supervisor:
        return _supervise(supervisor, options, given)


def _erase(data: DataDir, given: dict[str, str]) -> None:
    if "DATABASE_URL" in given:
        raise UserError(
            "--fresh erases this folder's keys, but not the database in DATABASE_URL, which would be unreadable "
            "without them; empty that database yourself and name another folder with --data."
        )
    stop_everything(data)
    log(f"Erasing the data in {data.path} ...")
    data.erase()


def _refuse_other_wishes(data: DataDir, options: argparse.Namespace, given: dict[str, str]) -> None:
    """:raises UserError: if what runs is not what was asked for."""
    status = json.loads(data.status.read_text())
    differences = {
        f"on port {options.port}": options.port not in (None, status["port"]),
        f"with{'out' * options.no_demo} the demo": options.no_demo == status["demo"],
        "on the servers that the environment names": given.items() - status["environment"].items(),
    }
    wishes = " and ".join(wish for wish, differs in differences.items() if differs)
    if wishes:
        raise UserError(
            f"It runs already, at {status['url']}; to run it {wishes}, stop it with `./dev down` first."
        )


def choose_port(port: int | None) -> int:
    """Return the port asked for, or 8000, or the next free one."""
    for candidate in [port] if port else range(DEFAULT_PORT, 65536):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError as error:
                reason = error.strerror
                continue
        if candidate not in (port, DEFAULT_PORT):
            log(f"Port {DEFAULT_PORT} is in use; taking {candidate} instead.")
        return candidate
    raise UserError(
        f"Port {port} cannot be used ({reason}); choose another with --port, or stop what uses it."
    )


def _supervise(supervisor: Supervisor, options: argparse.Namespace, given: dict[str, str]) -> int:
    """Start all and keep it up until somebody stops it. The status file is the sign that it is ready."""
    data = supervisor.data
    if options.port:
        choose_port(options.port)  # refused before the work
    environment = product.set_up(
        supervisor, options.port or DEFAULT_PORT, given=given, durable=True, tables=True
    )
    if not options.no_demo:
        log("Making the demo clinic's people ...")
        product.run_step(data, environment, "demo", "people", "--sign-ins", str(data.sign_ins))
    # Not before: another ./dev may have taken the port during the set-up.
    port = choose_port(options.port)
    environment["PUBLIC_URL"] = f"http://127.0.0.1:{port}"
    log("Starting web, worker, beat and watch ...")
    *services, demo_loading = product.services(data, environment, port)
    for service in services:
        supervisor.start(service)
    product.wait_until_ready(supervisor, port)
    ready_s = round(time.time() - options.asked_at, 1)
    if not options.no_demo:
        supervisor.start(demo_loading)
    status = {"url": environment["PUBLIC_URL"], "port": port, "demo": not options.no_demo, "ready_s": ready_s}
    write_private(data.status, json.dumps({**status, "environment": environment}))
    try:
        if not options.detach:
            _print_addresses(data, options)
            log("Ctrl-C stops it all.")
        _keep(supervisor)
    except KeyboardInterrupt:
        log("Stopping ...")
    return 0


def _keep(supervisor: Supervisor) -> None:
    """Keep everything alive, and show how far the demo's loading is."""
    path = supervisor.data.log_of("demo")
    path.touch(0o600)
    with open(path) as words:
        words.seek(0, os.SEEK_END)
        while True:
            for line in words:
                log(f"demo: {line.rstrip()}")
            supervisor.poll()
            time.sleep(0.25)


def _print_addresses(data: DataDir, options: argparse.Namespace) -> int:
    status = json.loads(data.status.read_text())
    people = json.loads(data.sign_ins.read_text()) if status["demo"] else []
    url, ready_s = status["url"], status["ready_s"]
    if options.json:
        facts = {"url": url, "ready_s": ready_s, "data": str(data.path), "sign_ins": people}
        print(json.dumps(facts), flush=True)
        return 0
    print(f"Interlude is at {url} (ready after {ready_s} s; data and logs: {data.path})")
    columns = (("role", 14), ("name", 22), ("email", 34), ("password", 18), ("note", 0))
    for person in people:
        print("  " + "".join(f"{person.get(name, ''):<{width}} " for name, width in columns).rstrip())
    if people:
        print(
            "Staff also show a code: `./dev code` prints those of now. `./dev status` shows the demo's loading."
        )
    sys.stdout.flush()
    return 0


def _fork(data: DataDir) -> int:
    """Return the id of a process of its own, which supervises; in that process return 0, with its words in a log."""
    data.prepare()
    with open(data.log_of("dev"), "w", opener=private) as words, open(os.devnull) as nothing:
        child = os.fork()
        if not child:
            os.setsid()
            for stream, file in enumerate((nothing, words, words)):
                os.dup2(file.fileno(), stream)
    return child


def _follow(data: DataDir, child: int, options: argparse.Namespace) -> int:
    """Show the supervisor's words until it is ready. If it is killed before, tidy up in its place."""
    try:
        with open(data.log_of("dev")) as lines:
            while True:
                # Asked before reading, so that the last words are not missed.
                ready, (ended, outcome) = data.status.exists(), os.waitpid(child, os.WNOHANG)
                for line in lines:
                    log(line.rstrip("\n"))
                if ready:
                    return _print_addresses(data, options)
                if ended and os.WIFSIGNALED(outcome):
                    stop_everything(data)
                    raise UserError("The supervisor was killed; what it left running is stopped now.")
                if ended:
                    return os.WEXITSTATUS(outcome)  # it has said why
                time.sleep(0.1)
    except KeyboardInterrupt:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        raise
