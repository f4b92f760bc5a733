"""Admission control: one person's requests wait for each other, and for nobody else's."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from tracker.lib.admission import ACCOUNT, Admission, Overloaded, PersonLimit

LONG, AT_ONCE = 60, 0.001


def run(act: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(act(), 30))


def request(token: str = "", *, cookie: str = "", method: str = "POST") -> dict[str, Any]:
    """A request of a program, by its token, or of a browser, by its cookie, which may send any token besides."""
    headers = {"HTTP_X_SESSION_TOKEN": token} if token else {}
    path = "/" if cookie else "/api/v1/me"
    return {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_COOKIE": cookie} | headers


def admission(reads: int = 1, writes: int = 1, waiting: int = 0) -> Admission:
    return Admission(
        reads=PersonLimit(reads, waiting), writes=PersonLimit(writes, waiting), cookie="sessionid",
        token_paths=("/api/",),
    )  # fmt: skip


@asynccontextmanager
async def both(limits: Admission, first: dict[str, Any], second: dict[str, Any]) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(limits.slot(first, LONG))
        await stack.enter_async_context(limits.slot(second, AT_ONCE))
        yield


def test_a_persons_requests_run_in_the_order_in_which_they_came():
    async def act() -> None:
        limit, order = PersonLimit(running=1, waiting=3), []

        async def one(number: int) -> None:
            async with limit.slot("ada", LONG):
                order.append(number)
                await asyncio.sleep(0)
                order.append(number)

        await asyncio.gather(*(one(number) for number in range(4)))
        assert order == [0, 0, 1, 1, 2, 2, 3, 3]

    run(act)


def test_beyond_those_that_may_wait_a_request_is_refused_at_once_and_the_next_person_is_not():
    async def act() -> None:
        limit = PersonLimit(running=1, waiting=1)
        async with limit.slot("ada", LONG):
            waits = asyncio.create_task(limit.slot("ada", LONG).__aenter__())
            await asyncio.sleep(0)
            with pytest.raises(Overloaded):
                await limit.slot("ada", LONG).__aenter__()
            async with limit.slot("bea", AT_ONCE):
                pass
        await waits

    run(act)


def test_a_request_that_waits_too_long_is_refused_and_leaves_its_place():
    async def act() -> None:
        limit = PersonLimit(running=1, waiting=1)
        async with limit.slot("ada", LONG):
            for _ in range(3):
                with pytest.raises(Overloaded):
                    await limit.slot("ada", AT_ONCE).__aenter__()
        async with limit.slot("ada", AT_ONCE):
            pass
        assert limit._people == {}

    run(act)


@pytest.mark.parametrize(
    ("first", "second", "is_refused"),
    [
        (request("t1"), request("t1"), True),
        (request("t1"), request("t2"), False),
        (request("t1"), request("t1", method="GET"), False),
        (request("t1", method="GET"), request("t1", method="HEAD"), True),
        (request(), request(), False),
        (request(cookie="a=1; sessionid=s1"), request(cookie="sessionid=s1; b=2"), True),
        (request(cookie="sessionid=s1"), request(cookie="sessionid=s2"), False),
        (request("t1", cookie="sessionid=s1"), request("t2", cookie="sessionid=s1"), True),
        (request(cookie="sessionid=s0; sessionid=s1"), request(cookie="sessionid=s1"), True),
        (request(cookie='sessionid="\\163\\61"'), request(cookie='sessionid="\\777"'), True),
        (request(cookie="other_sessionid=s1"), request(cookie="other_sessionid=s1"), False),
    ],
)
def test_who_a_request_waits_for_is_told_by_its_session_and_its_kind(first, second, is_refused):
    async def act() -> None:
        if is_refused:
            with pytest.raises(Overloaded):
                await both(admission(), first, second).__aenter__()
        else:
            async with both(admission(), first, second):
                pass

    run(act)


def known(limits: Admission, *tokens: str, account: str = "ada") -> Callable[[], Awaitable[None]]:
    async def learn() -> None:
        for token in tokens:
            environ = request(token)
            async with limits.slot(environ, LONG):
                environ[ACCOUNT] = account

    return learn


def test_several_sessions_of_one_account_have_the_limit_of_one_person():
    async def act() -> None:
        limits = admission()
        await known(limits, "t1", "t2")()
        with pytest.raises(Overloaded):
            await both(limits, request("t1"), request("t2")).__aenter__()

    run(act)


def test_sessions_of_one_account_take_turns_so_that_none_fills_the_line_before_another():
    async def act() -> None:
        limits, order = admission(waiting=8), []
        await known(limits, "thief", "owner")()

        async def one(token: str) -> None:
            async with limits.slot(request(token), LONG):
                await asyncio.sleep(0)
                order.append(token)

        waiting = [asyncio.create_task(one("thief")) for _ in range(9)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await one("thief")
        await one("owner")
        assert order.count("thief") <= 2
        await asyncio.gather(*waiting)

    run(act)


def test_a_token_that_does_not_hold_any_more_takes_no_place_of_the_account():
    async def act() -> None:
        limits = admission()
        await known(limits, "t1", "t2")()
        await known(limits, "t2", account="")()
        async with both(limits, request("t1"), request("t2")):
            pass

    run(act)
