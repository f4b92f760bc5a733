"""
The broker's transport: kombu's own for Redis, which takes in what this product sends and drops everything else.

Whatever stands on the broker is a hint that anybody with its password may forge. Kombu and Celery trust it: a message
that is no JSON ends a worker's process, one with a far ETA holds a place until then, and an entry of their own books
that they cannot read is tried first for ever. So a message is made anew from the few values that ours have.
"""

import base64
import json
import queue
import uuid
from datetime import UTC
from importlib import import_module
from typing import Any, Literal

from pydantic import AwareDatetime, Base64Bytes, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from backend import queues
from tracker.lib import logs

log = logs.get(__name__)
# Its type stubs lack what is overridden here.
redis: Any = import_module("kombu.transport.redis")
# JSON of args, kwargs, and what Celery would call, chain or join afterwards.
_BODY = TypeAdapter(tuple[list[Any], dict[str, Any], dict[str, Any]])


class _Headers(BaseModel):
    task: str = Field(max_length=200)
    id: uuid.UUID
    expires: AwareDatetime | None = None
    # Due work is rows, so no task waits in a worker.
    eta: None = None


class _Message(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    content_type: Literal["application/json"] = Field(alias="content-type")
    body: Base64Bytes
    headers: _Headers


def rebuilt(raw: object, queue_name: str) -> dict[str, Any]:
    """
    Return a message with the task, the id, the expiry and the arguments of ``raw``, and nothing else of it.

    :raises ValueError: if one of these is not as our own messages have it.
    """
    message = _Message.model_validate(raw)
    args, kwargs, _ = _BODY.validate_json(message.body)
    headers, name = message.headers, str(message.headers.id)
    try:
        expires = headers.expires and headers.expires.astimezone(UTC).isoformat()
    except OverflowError as problem:
        raise ValueError("no such instant") from problem
    return {
        "body": base64.b64encode(json.dumps([args, kwargs, {}]).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": headers.task, "id": name, "root_id": name, "expires": expires},
        "properties": {
            "correlation_id": name, "delivery_tag": str(uuid.uuid4()), "delivery_mode": 2, "priority": 0,
            "delivery_info": {"exchange": "", "routing_key": queue_name}, "body_encoding": "base64",
        },
    }  # fmt: skip


class QoS(redis.QoS):  # type: ignore[misc]
    """The book of what a worker has taken and not acknowledged."""

    def append(self, message: Any, delivery_tag: str) -> None:
        self.channel.repairing(super().append, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        self.channel.repairing(super().ack, delivery_tag)

    def restore_visible(self, *args: Any, **kwargs: Any) -> None:
        self.channel.repairing(super().restore_visible, *args, **kwargs)

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Put a message back into its queue; one that cannot be read leaves the book, where it would stay the first."""
        try:
            super().restore_by_tag(tag, client, leftmost)
        except self.channel.errors:
            raise
        except Exception as problem:
            _log_dropped(problem)
            self._remove_from_indices(tag).execute()


class Channel(redis.Channel):  # type: ignore[misc]
    QoS = QoS

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """Errors of the broker itself. ``KeyError``, which kombu counts among them, is one of what it was given."""
        known = (*self.connection_errors, *self.connection.channel_errors)
        return tuple(kind for kind in known if kind is not KeyError)

    def repairing(self, act: Any, *args: Any, **kwargs: Any) -> Any:
        """Call ``act``; if a key of ours holds something of another type, drop that and call again."""
        try:
            return act(*args, **kwargs)
        except self.ResponseError:
            if not self._drop_wrong_types():
                raise
            return act(*args, **kwargs)

    def _drop_wrong_types(self) -> bool:
        lists = [self._q_for_pri(name, step) for name in queues.IN_ORDER for step in self.priority_steps]
        bindings = [
            prefix % name
            for name in queues.IN_ORDER
            for prefix in (self.keyprefix_queue, self.keyprefix_binding_permanent)
        ]
        types = dict.fromkeys(lists, b"list") | dict.fromkeys(bindings, b"set")
        types |= {self.unacked_key: b"hash", self.unacked_index_key: b"zset"}
        with self.conn_or_acquire() as client:
            wrong = [name for name, type_ in types.items() if client.type(name) not in (type_, b"none")]
            if wrong:
                log.error("broker key of a wrong type dropped", count=len(wrong))
                client.delete(*wrong)
        return bool(wrong)

    def _update_queue_cycle(self) -> None:
        """Give the queues their order, which kombu's set of them has not; it stays (``queue_order_strategy``)."""
        self._queue_cycle.update([name for name in queues.IN_ORDER if name in self.active_queues])

    def _queue_bind(self, *args: Any) -> None:
        self.repairing(super()._queue_bind, *args)

    def _size(self, queue_name: str) -> int:
        size: int = self.repairing(super()._size, queue_name)
        return size

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except self.ResponseError:
            if not self._drop_wrong_types():
                raise
        except self.errors:
            raise
        except queue.Empty:
            raise
        except Exception as problem:
            _log_dropped(problem)
        raise queue.Empty


class Transport(redis.Transport):  # type: ignore[misc]
    """Kombu's transport for Redis, with ``rebuilt`` in front of its consumers."""

    Channel = Channel

    def _deliver(self, message: Any, queue_name: str) -> None:
        try:
            message = rebuilt(message, queue_name)
        except (ValidationError, ValueError, RecursionError) as problem:
            _log_dropped(problem)
            return
        super()._deliver(message, queue_name)


def _log_dropped(problem: Exception) -> None:
    log.warning("message on the broker dropped", error=type(problem).__name__)
