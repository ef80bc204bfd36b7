from __future__ import annotations

import asyncio
import sqlite3

import pytest

from durable_core.lowlevel import (
    CheckpointError,
    OperationAction,
    OperationStatus,
    OperationType,
    OperationUpdate,
)
from durable_testing.store.errors import StoreError
from durable_testing.store.reader import open_reader
from durable_testing.store.schema import APPLICATION_ID

STEP = OperationUpdate("s", OperationType.STEP, OperationAction.SUCCEED, payload="x" * 200_000)


def fill_up(service):
    """Let the disk be full from here on."""
    connection = service._queue._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")


def make_read_only(service):
    service._queue._connection.execute("PRAGMA query_only = ON")


@pytest.mark.parametrize("break_disk", [fill_up, make_read_only])
def test_when_the_disk_refuses_nothing_is_answered_and_the_file_stays_as_it_was(
    path, desk, run, picture, break_disk
):
    async def play():
        async with desk(path) as d:
            arn = await d.run()
            other = await d.run(name="other")
            before = picture(d.model, arn)
            d.effects.clear()
            break_disk(d.service)
            failing = [asyncio.ensure_future(d.send(arn, STEP))]
            await asyncio.sleep(0)
            failing.append(asyncio.ensure_future(d.end(other, "SUCCEEDED")))
            first, second = await asyncio.gather(*failing, return_exceptions=True)
            assert isinstance(first, CheckpointError)
            assert (first.is_retryable, first.code) == (True, "ServiceException")
            assert isinstance(second, StoreError)
            assert d.effects == []
            # It stays in that error, though it could read.
            with pytest.raises(StoreError) as caught:
                await d.service.apply(lambda m, _: m.get_execution(arn))
            assert str(caught.value) == str(second)
            assert "refused a transaction" in str(second)
        with open_reader(path) as model:
            assert picture(model, arn) == before
            assert model.get_execution(other).status == "RUNNING"
        async with desk(path) as d:  # and another process goes on
            assert await d.start() == arn

    run(play())


def test_an_error_in_a_call_closes_the_service(path, desk, run):
    async def play():
        async with desk(path) as d:
            await d.run()
            with pytest.raises(
                StoreError, match=r"closed after an error in a call: KeyError\('x'\)"
            ):
                await d.service.apply(lambda m, _: {}["x"])
            with pytest.raises(StoreError, match="closed after an error"):
                await d.start("other")

    run(play())


def test_a_file_that_cannot_be_read_closes_the_service(path, desk, run):
    async def play():
        async with desk(path) as d:
            await d.run()
            d.service._archive.connection.close()
            d.service._poll()  # which has nobody to tell
            for call in (d.service.recover(), d.start("other")):
                with pytest.raises(StoreError, match="cannot be used: Cannot operate on a closed"):
                    await call

    run(play())


def test_an_effect_that_cannot_be_handed_out_closes_the_service(path, desk, run):
    async def play():
        problems = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, problem: problems.append(problem)
        )
        async with desk(path) as d:
            d.service._on_effect = {}.__getitem__
            with pytest.raises(StoreError, match="an effect could not be handed out: KeyError"):
                await d.start()
            with pytest.raises(StoreError, match="an effect could not be handed out: KeyError"):
                await d.start("other")
        assert isinstance(problems[0]["exception"], KeyError)
        with open_reader(path) as model:
            assert len(model.arns()) == 1  # it is durable all the same, and goes on after a restart

    run(play())


def sqlite_file(path, *pragmas):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE things (x)")
    for pragma in pragmas:
        connection.execute(pragma)
    connection.close()


def foreign(path):
    sqlite_file(path)


def newer(path):
    sqlite_file(path, f"PRAGMA application_id = {APPLICATION_ID}", "PRAGMA user_version = 99")


def text(path):
    path.write_text("a diary\n" * 100)


def short(path):
    path.write_bytes(b"SQLite format 3\0")


def hollow(path):
    sqlite_file(path, f"PRAGMA application_id = {APPLICATION_ID}", "PRAGMA user_version = 1")


def torn(path):
    sqlite_file(path, f"PRAGMA application_id = {APPLICATION_ID}", "PRAGMA user_version = 1")
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xaa" * (len(content) - 100))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (foreign, "is a database of another program; it was left as it is"),
        (newer, "has schema version 99, this program reads version 1"),
        (text, "is not a SQLite database; it was left as it is"),
        (short, "is not a SQLite database"),
        (hollow, "cannot be used: no such table"),
        (torn, "cannot be used"),
    ],
)
def test_a_file_that_is_not_ours_is_named_and_left_as_it_is(path, desk, make, message):
    make(path)
    content = path.read_bytes()
    for opener in (desk, lambda path: open_reader(path).__enter__()):
        with pytest.raises(StoreError, match=message) as caught:
            opener(path)
        assert str(path) in str(caught.value)
    assert path.read_bytes() == content


def test_a_database_that_is_torn_in_the_middle_is_an_error_not_a_guess(path, desk, run):
    async def play():
        async with desk(path) as d:
            arn = await d.run(STEP)
        content = bytearray(path.read_bytes())
        content[4096 * 2 :] = b"\xaa" * (len(content) - 4096 * 2)
        path.write_bytes(content)
        with (
            pytest.raises(StoreError, match=r"malformed|not a database"),
            open_reader(path) as model,
        ):
            model.history(arn)

    run(play())


def test_an_empty_file_becomes_a_database(path, desk, run):
    async def play():
        path.touch()
        async with desk(path) as d:
            assert await d.start()

    run(play())


@pytest.mark.parametrize("name", ["no/such/folder/x.db", "."])
def test_a_place_where_no_file_can_be_is_named(path, desk, name):
    with pytest.raises(StoreError, match=r"cannot (create|read) the database"):
        desk(path.parent / name)


def test_a_reader_makes_no_file(path):
    with pytest.raises(StoreError, match="there is no database"), open_reader(path):
        pass
    assert not path.exists()


def test_a_draft_of_a_database_left_by_a_killed_process_is_in_nobodys_way(path, desk, run):
    path.with_name(f"{path.name}.123.new").write_bytes(b"half a database")

    async def play():
        async with desk(path) as d:
            arn = await d.run()
            assert d.model.operations(arn)[0].status is OperationStatus.STARTED

    run(play())
