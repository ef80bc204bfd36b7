from __future__ import annotations

import asyncio
import contextvars
import gc
import threading

import pytest

from durable_aws_lambda.host import Host, Hosts, is_loop_running

COLOUR = contextvars.ContextVar("colour", default="none")


class Service:
    def __init__(self):
        self.closed = 0

    def close(self):
        self.closed += 1


@pytest.fixture
def host():
    opened = Host(Service)
    yield opened
    opened.close()


async def running_loop():
    return asyncio.get_running_loop()


def test_one_loop_serves_warm_invocations(host):
    assert host.run(running_loop()) is host.run(running_loop()) is host.loop


def test_background_work_goes_on_in_the_next_invocation(host):
    async def start():
        return asyncio.ensure_future(asyncio.sleep(0, "pooled connection"))

    task = host.run(start())

    async def use():
        return await task

    assert host.run(use()) == "pooled connection"


def test_context_variables_do_not_leak_into_the_next_invocation(host):
    async def paint():
        before = COLOUR.get()
        COLOUR.set("red")
        return before

    COLOUR.set("blue")
    assert [host.run(paint()), host.run(paint())] == ["blue", "blue"]


def test_an_interrupted_invocation_ends_before_the_next_begins(host):
    ended = []

    async def interrupted():
        try:
            asyncio.get_running_loop().call_soon(interrupt)
            await asyncio.sleep(3600)
        finally:
            ended.append("ended")

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        host.run(interrupted())
    assert ended == ["ended"]
    assert host.run(running_loop()) is host.loop


def test_an_error_leaves_the_loop_usable(host):
    async def fail():
        raise LookupError("no")

    with pytest.raises(LookupError):
        host.run(fail())
    assert host.run(running_loop()) is host.loop


def test_closing_cancels_what_is_left_and_closes_the_client():
    host = Host(Service)
    ended = []

    async def linger():
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("cancelled")

    async def start():
        host.kept = asyncio.ensure_future(linger())
        await asyncio.sleep(0)

    host.run(start())
    service = host.service
    host.close()
    host.close()
    assert (ended, service.closed, host.loop.is_closed()) == (["cancelled"], 1, True)


def test_a_service_without_a_close_is_left_alone():
    host = Host(object)
    host.close()
    assert host.loop.is_closed()


def test_each_thread_has_a_loop_of_its_own_that_ends_with_it():
    hosts = Hosts(Service)
    seen = []

    def work():
        host = hosts.current()
        assert hosts.current() is host
        seen.append((host.loop, host.service, host.run(running_loop())))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert len({id(loop) for loop, _, _ in seen}) == 3
    assert all(loop is used for loop, _, used in seen)
    assert all(loop.is_closed() and service.closed == 1 for loop, service, _ in seen)


def test_a_host_collected_under_another_running_loop_is_closed_all_the_same():
    hosts = Hosts(Service)
    host = hosts.current()
    loop, service = host.loop, host.service
    host.run(running_loop())

    async def main():
        host.close()

    asyncio.run(main())
    assert (loop.is_closed(), service.closed) == (True, 1)
    hosts.close()


def test_closing_what_was_never_used_does_nothing():
    Hosts(Service).close()


def test_a_closed_host_is_replaced():
    hosts = Hosts(Service)
    first = hosts.current()
    first.close()
    second = hosts.current()
    assert second is not first
    second.close()


def test_a_loop_that_runs_is_not_closed_under_its_thread(host):
    async def close():
        host.close()

    host.run(close())
    assert not host.loop.is_closed()
    host.loop.close()


def test_a_running_loop_is_noticed(host):
    async def ask():
        return is_loop_running()

    assert host.run(ask())
    assert not is_loop_running()
