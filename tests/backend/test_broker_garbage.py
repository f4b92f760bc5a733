"""Garbage on the broker costs one message, never the worker: each kind is put in front of a real one."""

import base64
import json
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import redis
from celery import Celery

from backend import queues
from backend.broker import rebuilt
from backend.celery import SCHEDULE
from tests import factories, servers
from tests.phone import Phone
from tracker.alerts.models import Heartbeat

HEARTBEAT = "tracker.alerts.tasks.record_worker_heartbeat"
QUEUE = queues.ORDINARY


def message(
    *,
    task: Any = HEARTBEAT,
    body: Any = None,
    headers: dict[str, Any] | None = None,
    properties: Any = None,
    top: dict[str, Any] | None = None,
) -> str:
    """A message as kombu writes it for Redis, with parts of it replaced."""
    name = str(uuid.uuid4())
    text = json.dumps([[], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    raw = body if isinstance(body, bytes) else (text if body is None else json.dumps(body)).encode()
    return json.dumps(
        {
            "body": base64.b64encode(raw).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {
                "lang": "py", "task": task, "id": name, "root_id": name, "parent_id": None, "group": None, "retries": 0,
                "timelimit": [None, None], "eta": None, "expires": None, "shadow": None, "argsrepr": "()",
                "kwargsrepr": "{}", "origin": "test",
            } | (headers or {}),
            "properties": {
                "correlation_id": name, "reply_to": "", "delivery_mode": 2, "priority": 0, "body_encoding": "base64",
                "delivery_info": {"exchange": "", "routing_key": QUEUE}, "delivery_tag": str(uuid.uuid4()),
            } | (properties or {}),
        } | (top or {})
    )  # fmt: skip


def without(part: str, *names: str) -> str:
    whole = json.loads(message())
    for name in names:
        whole[part].pop(name)
    return json.dumps(whole)


LATE = "9999-12-31T23:59:59+00:00"
GARBAGE: dict[str, Any] = {
    "no JSON": "garbage",
    "nothing": "",
    "bytes that are no UTF-8": b"\xff\xfe\x00",
    "deep nesting": "[" * 100_000,
    "a number": "1",
    "a list": "[1, 2]",
    "null": "null",
    "an empty object": "{}",
    "no properties": json.dumps({"body": "", "headers": {}}),
    "no headers": message(top={"headers": None}),
    "headers that are a list": message(top={"headers": [1]}),
    "properties that are a list": message(top={"properties": [1]}),
    "properties that are null": message(top={"properties": None}),
    "no delivery tag": without("properties", "delivery_tag"),
    "no delivery info": without("properties", "delivery_info"),
    "delivery info that is a list": message(properties={"delivery_info": [1]}),
    "delivery info that is null": message(properties={"delivery_info": None}),
    "a delivery tag that is a list": message(properties={"delivery_tag": [1]}),
    "a delivery tag that is null": message(properties={"delivery_tag": None}),
    "a priority that is a word": message(properties={"priority": "high"}),
    "a body that is no base64": message(top={"body": "%%%"}),
    "a body that is a number": message(top={"body": 5}),
    "a body that is null": message(top={"body": None}),
    "an unknown body encoding": message(properties={"body_encoding": "rot13"}),
    "a body encoding that is a list": message(properties={"body_encoding": [1]}),
    "an unknown content type": message(top={"content-type": "application/x-unknown"}),
    "a content type that is a list": message(top={"content-type": ["a"]}),
    "a pickle": message(
        body=b"cos\nsystem\n(S'true'\ntR.", top={"content-type": "application/x-python-serialize"}
    ),
    "an unknown content encoding": message(top={"content-encoding": "klingon"}),
    "an unknown compression": message(headers={"compression": "klingon"}),
    "a compression that is a list": message(headers={"compression": ["a"]}),
    "an unknown task": message(task="no.such.task"),
    "a task that is a list": message(task=[1]),
    "a task that is null": message(task=None),
    "no id": without("headers", "id"),
    "an id that is a list": message(headers={"id": [1]}),
    "an id that is null": message(headers={"id": None}),
    "no task": without("headers", "task"),
    "a body that is text": message(body="x"),
    "a body of two": message(body=[1, 2]),
    "wrong arguments": message(body=[[1, 2, 3], {"a": 1}, {}]),
    "arguments that are a number": message(body=[1, 2, 3]),
    "embeds that are wrong": message(body=[[], {}, 5]),
    "a chain of nonsense": message(
        body=[[], {}, {"callbacks": [5], "errbacks": 7, "chain": [3], "chord": "x"}]
    ),
    "an ETA in the year 9999": message(headers={"eta": LATE}),
    "an ETA that is a word": message(headers={"eta": "tomorrow"}),
    "an ETA that is a list": message(headers={"eta": [1]}),
    "an ETA that is a number": message(headers={"eta": 1e300}),
    "an ETA without a zone": message(headers={"eta": "9999-12-31T23:59:59"}),
    "an ETA in the year 1": message(headers={"eta": "0001-01-01T00:00:00+14:00"}),
    "an ETA in a day": message(headers={"eta": "2099-01-01T00:00:00+00:00"}),
    "an expiry that is a number": message(headers={"expires": 1e300}),
    "an expiry in the year 9999": message(headers={"expires": LATE}),
    "an expiry in the year 1": message(headers={"expires": "0001-01-01T00:00:00+14:00"}),
    "an expiry that is a list": message(headers={"expires": [1]}),
    "an expiry in the past": message(headers={"expires": "2001-01-01T00:00:00+00:00"}),
    "time limits that are words": message(headers={"timelimit": ["a", "b"]}),
    "a time limit of one": message(headers={"timelimit": [1]}),
    "time limits that are negative": message(headers={"timelimit": [-1, -1]}),
    "time limits without end": message(headers={"timelimit": [1e300, 1e300]}),
    "retries that are a word": message(headers={"retries": "many"}),
    "a huge header": message(headers={"argsrepr": "x" * 5_000_000}),
    "stamps that are nonsense": message(headers={"stamps": 5, "stamped_headers": 7}),
    "a group that is a list": message(headers={"group": [1], "group_index": "x"}),
    "a reply-to that is a list": message(properties={"reply_to": [1], "correlation_id": [2]}),
    "protocol 1": json.dumps(
        json.loads(message(body={"task": HEARTBEAT, "id": "1", "args": 5, "kwargs": 7})) | {"headers": {}}
    ),
    "protocol 1 with an ETA": json.dumps(
        json.loads(message(body={"task": HEARTBEAT, "id": "1", "args": [], "kwargs": {}, "eta": LATE}))
        | {"headers": {}}
    ),
}


Client = Any


# Entries of the book of what was taken, of which kombu makes messages again.
UNREADABLE = ("garbage", "[1]", '[{"a": 1}, "", "celery"]', "[null, null, null]")


def put_in_unacked(client: Client) -> None:
    """Entries older than any visibility timeout, which the worker restores at its next look."""
    for number, content in enumerate(UNREADABLE):
        client.hset("unacked", f"forged-{number}", content)
        client.zadd("unacked_index", {f"forged-{number}": 1})


def replace(client: Client, key: str, content: str) -> None:
    client.delete(key)
    client.set(key, content)


# What is done to the broker behind a worker's back.
FORGERIES: dict[str, Callable[[Client], object]] = {
    "entries of the book that cannot be read": put_in_unacked,
    "a queue that is text": lambda client: replace(client, QUEUE, "x"),
    "a queue of a priority that is text": lambda client: replace(client, f"{QUEUE}\x06\x163", "x"),
    "a book that is text": lambda client: replace(client, "unacked", "x"),
    "an index of the book that is text": lambda client: replace(client, "unacked_index", "x"),
    "an order to take nothing more": lambda client: order(client, "cancel_consumer", queue=QUEUE),
    "an order to stop": lambda client: order(client, "shutdown"),
    "an order that is garbage": lambda client: client.publish("/0.celery.pidbox", b"\xff"),
}


def replace_all(client: Client) -> None:
    bindings = [f"_kombu.binding.{name}" for name in queues.IN_ORDER]
    for key in (*queues.IN_ORDER, f"{QUEUE}\x06\x163", "unacked", "unacked_index", *bindings):
        replace(client, key, "x")


def order(client: Client, method: str, **arguments: Any) -> None:
    """Broadcast a command of Celery's remote control to all workers."""
    with Celery("test", broker=_url(client), broker_pool_limit=0) as app:
        app.control.broadcast(method, arguments=arguments)


def _url(client: Client) -> str:
    given = client.connection_pool.connection_kwargs
    return f"redis://:{given['password']}@{given['host']}:{given['port']}/{given['db']}"


def beat() -> Any:
    return Heartbeat.objects.filter(name="worker").values_list("at", flat=True).first()


@pytest.fixture
def broker(live: Any) -> Client:
    return redis.from_url(live.environment["REDIS_URL"])


def takes_tasks(client: Client, process: Any) -> None:
    """The worker is the one that it was, does what it is given, and holds nothing."""
    before = beat()
    servers.wait_until(lambda: client.type(QUEUE) in {b"none", b"list"}, what="a queue that takes tasks")
    client.lpush(QUEUE, message())
    servers.wait_until(lambda: beat() != before or process.poll() is not None, what="the worker's next task")
    servers.wait_until(lambda: not client.exists("unacked", QUEUE), what="the worker's last acknowledgement")
    assert process.poll() is None


def test_a_worker_starts_on_a_broker_whose_keys_are_of_wrong_types(live, broker):
    replace_all(broker)

    with servers.worker(live.environment) as process:
        takes_tasks(broker, process)


def test_a_broker_whose_keys_are_of_wrong_types_fails_no_request(live, broker):
    phone = Phone(live.world.ada.user)
    with servers.web(live.environment) as url:
        # The first finds them as it declares the queue, the second as it adds to it.
        for _ in range(2):
            replace_all(broker)
            batch = factories.batch(factories.phq9([0] * 8 + [3]), device=phone.headers["X-Device"])
            answer = httpx.post(
                f"{url}/api/v1/sync/push", json=batch, headers=phone.headers, trust_env=False, timeout=20
            )

            assert (answer.status_code, answer.json()["results"][0]["status"]) == (200, "stored")


def test_garbage_on_the_broker_costs_one_message_and_never_the_worker(live, broker):
    with servers.worker(live.environment, "--concurrency", "2") as process:
        takes_tasks(broker, process)
        # More of each than a worker has places.
        for garbage in GARBAGE.values():
            broker.lpush(QUEUE, *[garbage] * 3)
        takes_tasks(broker, process)
        for forge in FORGERIES.values():
            forge(broker)
            takes_tasks(broker, process)


def test_a_worker_takes_the_safety_tasks_of_beat_before_a_backlog_of_others(live, broker):
    """Each was behind 2,000 others, and health red until they were done."""
    broker.lpush(QUEUE, *[message(task="tracker.outbox.tasks.deliver_in_app") for _ in range(2_000)])
    before = beat()
    for entry in SCHEDULE.values():
        servers.hint(live.environment, entry["task"], **entry["options"] | {"expires": 3600})

    with servers.worker(live.environment):
        servers.wait_until(lambda: beat() != before, what="the worker's heartbeat")
        servers.wait_until(lambda: not broker.llen(queues.SAFETY), what="the other safety tasks")
        assert broker.llen(QUEUE) > 1_900


@pytest.mark.parametrize(
    "kind", [kind for kind in GARBAGE if kind.startswith(("an ETA", "a pickle", "an unknown content type"))]
)
def test_a_message_with_an_eta_or_another_content_type_is_no_task(kind):
    with pytest.raises(ValueError, match="validation error"):
        rebuilt(json.loads(GARBAGE[kind]), QUEUE)


def test_a_rebuilt_message_has_the_task_the_id_and_the_expiry_and_nothing_else_of_the_senders():
    sent = json.loads(
        message(headers={"expires": "2026-03-02T10:00:00+01:00", "timelimit": [9e9, 9e9], "stamps": 5})
    )

    taken = rebuilt(sent, QUEUE)

    name = sent["headers"]["id"]
    assert taken["headers"] == {
        "lang": "py", "task": HEARTBEAT, "id": name, "root_id": name, "expires": "2026-03-02T09:00:00+00:00",
    }  # fmt: skip
    assert json.loads(base64.b64decode(taken["body"])) == [[], {}, {}]
    assert taken["properties"]["delivery_tag"] != sent["properties"]["delivery_tag"]
