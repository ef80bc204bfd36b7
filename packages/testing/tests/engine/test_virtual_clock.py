"""Virtual time moves only when nothing runs."""

import asyncio

import pytest

from durable_testing.engine import VirtualClock
from durable_testing.engine.clock import START_MS


def run(main):
    with asyncio.Runner() as runner:
        return runner.run(main)


def attached(**options):
    clock = VirtualClock(**options)
    clock.attach(asyncio.get_running_loop())
    return clock


async def sleep(clock, seconds):
    woken = asyncio.get_running_loop().create_future()
    clock.call_at(clock.now_ms() + int(seconds * 1000), lambda: woken.set_result(None))
    await woken


def test_a_sleeper_wakes_at_its_time_without_waiting():
    async def main():
        clock = attached()
        await sleep(clock, 3600)
        return clock.now_ms()

    assert run(main()) == START_MS + 3_600_000


def test_sleepers_wake_in_the_order_of_their_times():
    async def main():
        clock, order = attached(), []

        async def sleeper(seconds):
            await sleep(clock, seconds)
            order.append(seconds)

        await asyncio.gather(*(sleeper(seconds) for seconds in (30, 10, 20)))
        return order

    assert run(main()) == [10, 20, 30]


def test_time_stands_still_while_the_loop_has_something_to_run():
    async def main():
        clock = attached()
        sleeper = asyncio.ensure_future(sleep(clock, 1))
        for _ in range(1000):
            await asyncio.sleep(0)
            assert clock.now_ms() == START_MS
        await sleeper
        return clock.now_ms()

    assert run(main()) == START_MS + 1000


def test_time_stands_still_while_it_is_held():
    async def main():
        clock = attached(patience_seconds=60)
        sleeper = asyncio.ensure_future(sleep(clock, 1))
        clock.hold()
        await asyncio.to_thread(int)
        assert clock.now_ms() == START_MS
        clock.release()
        await sleeper
        return clock.now_ms()

    assert run(main()) == START_MS + 1000


def test_work_that_never_ends_holds_time_only_as_long_as_patience_lasts():
    async def main():
        clock = attached(patience_seconds=0)
        clock.hold()
        await sleep(clock, 5)
        return clock.now_ms()

    assert run(main()) == START_MS + 5000


class LeapingLoop(asyncio.SelectorEventLoop):
    """A loop whose time can be put forward, as when the machine stood still."""

    leapt = 0.0

    def time(self):
        return super().time() + self.leapt


def test_a_machine_that_stands_still_does_not_use_patience_up():
    async def main():
        loop = asyncio.get_running_loop()
        clock = attached(patience_seconds=600)
        sleeper = asyncio.ensure_future(sleep(clock, 1))
        clock.hold()
        while clock._patience is None:
            await asyncio.to_thread(int)
        loop.leapt += 3600
        for _ in range(100):
            await asyncio.to_thread(int)
        assert clock.now_ms() == START_MS
        clock.release()
        await sleeper
        return clock.now_ms()

    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        assert runner.run(main()) == START_MS + 1000


def test_a_cancelled_timer_does_not_fire():
    async def main():
        clock, fired = attached(), []
        clock.call_at(START_MS + 1000, lambda: fired.append(1)).cancel()
        await sleep(clock, 2)
        return fired

    assert run(main()) == []


def test_two_clocks_on_one_loop_do_not_take_each_other_for_work():
    async def main():
        clocks = [attached(), attached()]
        await asyncio.gather(*(sleep(clock, 60) for clock in clocks))
        return [clock.now_ms() for clock in clocks]

    assert run(main()) == [START_MS + 60_000] * 2


def test_a_paused_clock_moves_only_when_told():
    async def main():
        clock, woken = attached(is_running=False), []
        for seconds in (10, 20, 30):
            clock.call_at(START_MS + seconds * 1000, lambda seconds=seconds: woken.append(seconds))
        await clock.idle()
        assert woken == []
        await clock.advance_to(START_MS + 25_000)
        assert woken == [10, 20]
        assert clock.now_ms() == START_MS + 25_000
        assert clock.next_timer_ms() == START_MS + 30_000
        clock.run()
        await sleep(clock, 10)
        return woken

    assert run(main()) == [10, 20, 30]


def test_a_clock_can_be_used_on_one_loop_after_another():
    clock = VirtualClock()

    async def main():
        clock.attach(asyncio.get_running_loop())
        await sleep(clock, 60)

    run(main())
    run(main())
    assert clock.now_ms() == START_MS + 120_000


def test_a_timer_in_the_past_fires_now():
    async def main():
        clock = attached()
        await sleep(clock, -60)
        return clock.now_ms()

    assert run(main()) == START_MS


def test_a_loop_that_hides_what_it_has_to_run_is_given_time():
    async def main():
        clock = VirtualClock()

        class Blind:
            """The loop, without its private parts."""

            def __init__(self, loop):
                self.call_soon, self.call_later = loop.call_soon, loop.call_later
                self.is_closed = loop.is_closed

        clock.attach(Blind(asyncio.get_running_loop()))
        await sleep(clock, 60)
        return clock.now_ms()

    assert run(main()) == START_MS + 60_000


@pytest.mark.parametrize("count", [1, 3])
def test_timers_of_one_moment_fire_together(count):
    async def main():
        clock, seen = attached(), []
        for _ in range(count):
            clock.call_at(START_MS + 1000, lambda: seen.append(clock.now_ms()))
        await sleep(clock, 1)
        return seen

    assert run(main()) == [START_MS + 1000] * count
