"""Waiting for executions to close."""

import asyncio


def test_who_waits_is_told_when_the_execution_closes_and_not_before(lab):
    async def scenario():
        first, second = lab.start_async("a"), lab.start_async("b")
        arns = [await first, await second]
        waiting = [asyncio.ensure_future(lab.closings.wait(arn)) for arn in arns for _ in "12"]
        await asyncio.sleep(0)
        waiting[0].cancel()
        lab.close(arns[0])
        await waiting[1]
        assert [each.done() for each in waiting] == [True, True, False, False]
        lab.close(arns[1])
        await asyncio.gather(*waiting[2:])

    lab.loop.run_until_complete(scenario())


def test_nobody_waits_for_an_execution_that_is_closed_or_gone(lab):
    arn = lab.start()
    lab.close(arn)
    lab.loop.run_until_complete(lab.closings.wait(arn))
    lab.loop.run_until_complete(lab.closings.wait(f"{arn}0"))
