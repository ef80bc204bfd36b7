"""The engine runs what the service asks for."""

import asyncio
import json

import pytest

from durable_core.lowlevel import ErrorObject, ExecutionStatus
from durable_testing.engine import (
    EngineError,
    EngineHooks,
    LocalEngine,
    VirtualClock,
    durable_function,
    in_memory,
    plain_function,
)
from durable_testing.model import ServiceError


def run(main):
    with asyncio.Runner() as runner:
        return runner.run(main)


async def outcome_of(handler, payload=None, *functions, hooks=None, clock=None):
    functions = [durable_function("main", handler), *functions]
    clock = clock or VirtualClock()
    async with LocalEngine(functions, in_memory(), clock=clock, hooks=hooks) as engine:
        started = await engine.start("main", json.dumps(payload), name="one")
        outcome = await engine.outcome(started.execution_arn)
        return outcome, engine


def test_a_handler_runs_to_its_result():
    async def handler(event, context):
        async def double():
            return event["n"] * 2

        return await context.step("double", double)

    outcome, _ = run(outcome_of(handler, {"n": 21}))
    assert (outcome.status, outcome.result) == (ExecutionStatus.SUCCEEDED, "42")


def test_a_day_of_waiting_passes_at_once_on_a_virtual_clock():
    async def handler(event, context):
        await context.wait("day", 86_400)
        return "rested"

    clock = VirtualClock()
    before = clock.now_ms()
    outcome, _ = run(outcome_of(handler, clock=clock))
    assert outcome.result == '"rested"'
    assert outcome.invocations == 2
    assert (clock.now_ms() - before) // 1000 == 86_400


def test_time_stands_still_while_a_step_runs_in_a_thread():
    async def handler(event, context):
        def seen():
            return clock.now_ms()

        first = await context.step("first", seen)
        return [first, await context.step("second", seen)]

    clock = VirtualClock()
    outcome, _ = run(outcome_of(handler, clock=clock))
    first, second = json.loads(outcome.result)
    assert first == second == clock.now_ms()


@pytest.mark.parametrize("is_plain", [False, True])
def test_time_stands_still_while_unrecorded_code_runs(is_plain):
    async def handler(event, context):
        async def read():
            await asyncio.to_thread(int)
            return "read"

        def begin():
            return read()

        return await context.unrecorded(begin if is_plain else read)

    clock = VirtualClock(patience_seconds=30)
    before = clock.now_ms()
    outcome, _ = run(outcome_of(handler, clock=clock))
    assert outcome.result == '"read"'
    assert clock.now_ms() == before


def test_a_failing_handler_fails_the_execution_with_its_error():
    async def handler(event, context):
        raise ValueError("no such order")

    outcome, _ = run(outcome_of(handler))
    assert outcome.status is ExecutionStatus.FAILED
    assert (outcome.error.type, outcome.error.message) == ("ValueError", "no such order")


@pytest.mark.parametrize("is_async", [True, False])
def test_a_chained_invoke_calls_a_plain_function(is_async):
    async def handler(event, context):
        return await context.invoke("add", "adder", [1, 2])

    async def adder(payload):
        return sum(payload)

    fn = adder if is_async else sum
    outcome, _ = run(outcome_of(handler, None, plain_function("adder", fn)))
    assert outcome.result == "3"


def test_a_plain_function_may_have_the_form_of_a_lambda_handler():
    async def handler(event, context):
        return await context.invoke("add", "adder", [1, 2])

    def adder(event, lambda_context):
        assert lambda_context is None
        return sum(event)

    outcome, _ = run(outcome_of(handler, None, plain_function("adder", adder)))
    assert outcome.result == "3"


def test_a_plain_function_that_raises_fails_the_invoke():
    async def handler(event, context):
        await context.invoke("add", "adder", [1, 2])

    def adder(payload):
        raise RuntimeError("no sums today")

    outcome, _ = run(outcome_of(handler, None, plain_function("adder", adder)))
    assert outcome.status is ExecutionStatus.FAILED
    assert "no sums today" in outcome.error.message


def test_a_plain_function_that_takes_too_long_fails_the_invoke():
    async def handler(event, context):
        await context.invoke("slow", "sleeper", None)

    async def sleeper(payload):
        await asyncio.Event().wait()

    clock = VirtualClock(patience_seconds=0)
    function = plain_function("sleeper", sleeper, timeout_seconds=3)
    outcome, _ = run(outcome_of(handler, None, function, clock=clock))
    assert "Task timed out after 3.00 seconds" in outcome.error.message


def test_a_chained_invoke_runs_a_workflow_as_an_execution_of_its_own():
    async def handler(event, context):
        return await context.invoke("child", "child", 5)

    async def child(event, context):
        await context.wait("pause", 60)
        return event + 1

    outcome, engine = run(outcome_of(handler, None, durable_function("child", child)))
    assert outcome.result == "6"
    assert len(engine.model.arns()) == 2


def test_the_same_name_and_payload_give_the_stored_result():
    calls = []

    async def handler(event, context):
        calls.append(event)
        return event

    async def main():
        engine = LocalEngine([durable_function("main", handler)], in_memory(), clock=VirtualClock())
        async with engine:
            first = await engine.start("main", "1", name="one")
            await engine.outcome(first.execution_arn)
            again = await engine.start("main", "1", name="one")
            assert again == (first.execution_arn, False)
            assert (await engine.outcome(again.execution_arn)).result == "1"
            with pytest.raises(ServiceError, match="already started"):
                await engine.start("main", "2", name="one")

    run(main())
    assert calls == [1]


def test_a_crash_of_an_invocation_is_followed_by_another():
    class Crash(BaseException):
        pass

    class CrashOnce(EngineHooks):
        def __init__(self):
            self.ends = []

        def service(self, invocation, service):
            if self.ends:
                return service

            class Broken:
                load_page = service.load_page

                def checkpoint(self, request):
                    raise Crash("power cut")

            return Broken()

        def ended(self, invocation, end):
            self.ends.append(end)

    async def handler(event, context):
        async def one():
            return 1

        return await context.step("one", one)

    hooks = CrashOnce()
    outcome, _ = run(outcome_of(handler, hooks=hooks))
    assert outcome.result == "1"
    crashed, finished = hooks.ends
    assert isinstance(crashed.exception, Crash)
    assert crashed.error.message == "power cut"
    assert finished.error is None


class Ends(EngineHooks):
    def __init__(self):
        self.ends = []

    def ended(self, invocation, end):
        self.ends.append(end)


def test_an_invocation_suspends_before_its_timeout_and_the_next_one_goes_on():
    async def handler(event, context):
        async def hang_once():
            runs.append(1)
            if len(runs) == 1:
                await asyncio.Event().wait()
            return "done"

        return await context.step("hang-once", hang_once)

    async def main():
        function = durable_function("main", handler, timeout_seconds=10)
        clock = VirtualClock(patience_seconds=0)
        async with LocalEngine([function], in_memory(), clock=clock, hooks=hooks) as engine:
            return await engine.outcome((await engine.start("main")).execution_arn)

    runs, hooks = [], Ends()
    assert run(main()).result == '"done"'
    assert [end.error for end in hooks.ends] == [None, None]


def test_an_invocation_that_does_not_end_in_time_is_killed_and_tried_again():
    class Mute(Ends):
        def service(self, invocation, service):
            if self.ends:
                return service

            class Silent:
                load_page = service.load_page

                async def checkpoint(self, request):
                    await asyncio.Event().wait()

            return Silent()

    async def handler(event, context):
        async def one():
            return 1

        return await context.step("one", one)

    async def main():
        function = durable_function("main", handler, timeout_seconds=10)
        clock = VirtualClock(patience_seconds=0)
        async with LocalEngine([function], in_memory(), clock=clock, hooks=hooks) as engine:
            return await engine.outcome((await engine.start("main")).execution_arn)

    hooks = Mute()
    assert run(main()).result == "1"
    killed, finished = hooks.ends
    assert killed.error.type == "Sandbox.Timedout"
    assert finished.error is None


def test_a_workflow_that_waits_for_a_callback_is_blocked_until_it_is_answered():
    async def handler(event, context):
        async def tell(callback_id):
            pass

        return await context.wait_for_callback("approve", tell)

    async def main():
        engine = LocalEngine([durable_function("main", handler)], in_memory(), clock=VirtualClock())
        async with engine:
            arn = (await engine.start("main")).execution_arn
            waiting = await engine.outcome_or_blocked(arn)
            assert waiting.status is ExecutionStatus.RUNNING
            assert engine.is_blocked
            (callback,) = engine.model.open_callbacks(arn)
            await engine.apply(
                lambda model, now_ms: model.callback_succeed(callback.callback_id, "yes", now_ms)
            )
            return await engine.outcome_or_blocked(arn)

    assert run(main()).result == '"yes"'


def test_stopping_an_execution_discards_its_invocation():
    async def main():
        entered = asyncio.Event()

        async def hang():
            entered.set()
            await asyncio.Event().wait()

        async def handler(event, context):
            await context.step("hang", hang)

        engine = LocalEngine([durable_function("main", handler)], in_memory(), clock=VirtualClock())
        async with engine:
            arn = (await engine.start("main")).execution_arn
            await entered.wait()
            assert engine.is_running(arn)
            await engine.stop(arn, ErrorObject("enough", "Operator"))
            return await engine.outcome(arn)

    outcome = run(main())
    assert outcome.status is ExecutionStatus.STOPPED
    assert outcome.error.message == "enough"


def test_a_function_that_is_not_registered_fails_the_engine_and_not_the_execution():
    async def handler(event, context):
        return 1

    async def main():
        engine = LocalEngine([durable_function("main", handler)], in_memory(), clock=VirtualClock())
        async with engine:
            del engine.functions["main"]
            arn = (await engine.start("main")).execution_arn
            with pytest.raises(EngineError, match="needs the workflow 'main'"):
                await engine.outcome(arn)
            assert engine.describe(arn).status is ExecutionStatus.RUNNING

    run(main())


def test_a_failing_hook_fails_the_engine():
    class Bad(EngineHooks):
        def begun(self, invocation):
            raise ZeroDivisionError("bad hook")

    async def handler(event, context):
        return 1

    with pytest.raises(EngineError, match="bad hook"):
        run(outcome_of(handler, hooks=Bad()))


def test_on_a_real_clock_a_long_wait_is_looked_after_every_few_seconds():
    class WallClock:
        """A clock whose timers the test fires."""

        def __init__(self):
            self.time_ms, self.timers = 0, []

        def now_ms(self):
            return self.time_ms

        def call_at(self, when_ms, callback):
            self.timers.append((when_ms, callback))
            return asyncio.get_running_loop().call_soon(int)

    async def handler(event, context):
        await context.wait(hours=1)
        return "rested"

    async def main():
        clock = WallClock()
        engine = LocalEngine([durable_function("main", handler)], in_memory(), clock=clock)
        async with engine:
            arn = (await engine.start("main")).execution_arn
            await engine.quiet()
            when_ms, look = clock.timers[-1]
            assert when_ms <= 10_000
            clock.time_ms = when_ms
            look()
            when_ms, look = clock.timers[-1]
            assert 10_000 < when_ms <= 20_000
            clock.time_ms = 3_700_000  # the machine has slept
            look()
            return await engine.outcome(arn)

    assert run(main()).result == '"rested"'


def test_a_closed_engine_refuses_further_work():
    async def handler(event, context):
        await context.wait("day", 86_400)

    async def main():
        clock = VirtualClock(is_running=False)
        engine = LocalEngine([durable_function("main", handler)], in_memory(), clock=clock)
        async with engine:
            arn = (await engine.start("main")).execution_arn
            await engine.quiet()
        with pytest.raises(EngineError, match="closed"):
            await engine.start("main")
        assert engine.describe(arn).status is ExecutionStatus.RUNNING

    run(main())
