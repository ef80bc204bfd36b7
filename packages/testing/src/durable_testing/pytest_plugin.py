"""The pytest plugin: fixtures and options. Nothing heavy is loaded until a fixture is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from durable_testing.runner.clock import DurableClock
    from durable_testing.runner.runner import DurableTestRunner

TIMELINE: Final = "--durable-timeline"
UPDATE_HISTORY: Final = "--durable-update-history"
_SECTION: Final = "durable executions"
_SHOWN: Final = 5

is_updating_history = False
"""Whether `assert_history` writes its files."""
results: Final[list[Any]] = []
"""The results of the test that runs; runners put them here."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("durable", "durable workflows")
    group.addoption(
        TIMELINE,
        action="store_true",
        help="print each execution of a test as a timeline over virtual time",
    )
    group.addoption(
        UPDATE_HISTORY,
        action="store_true",
        help="write the files that result.assert_history(file) compares with",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Take the options over."""
    global is_updating_history  # noqa: PLW0603  read where pytest's configuration is not at hand
    is_updating_history = bool(config.getoption(UPDATE_HISTORY))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Forget the results of the test before."""
    results.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the executions of a test that failed, and of each one with `--durable-timeline`."""
    report = yield
    if report.when == "call" and results:
        if report.failed and (shown := _not_shown_by(call)):
            report.sections.append((_SECTION, "\n\n".join(shown)))
        if item.config.getoption(TIMELINE):
            _print_timelines(item)
    return report


def _not_shown_by(call: pytest.CallInfo[None]) -> list[str]:
    """Return the executions that the message of the failure does not show itself."""
    said = "" if call.excinfo is None else str(call.excinfo.value)
    return [repr(result) for result in results[-_SHOWN:] if result.tree() not in said]


def _print_timelines(item: pytest.Item) -> None:
    terminal: Any = item.config.pluginmanager.get_plugin("terminalreporter")
    capture: Any = item.config.pluginmanager.get_plugin("capturemanager")
    if terminal is None or capture is None:
        return
    with capture.global_and_fixture_disabled():
        terminal.write_sep("-", item.name)
        for result in results:
            result.print()


@pytest.fixture
def durable_clock(monkeypatch: pytest.MonkeyPatch) -> DurableClock:
    """A virtual clock for the runners of `durable_runner`: it goes on from run to run."""
    from durable_testing.runner.clock import DurableClock  # noqa: PLC0415  loaded when used

    return DurableClock(monkeypatch.setattr)


@pytest.fixture
def durable_runner(request: pytest.FixtureRequest) -> Callable[..., DurableTestRunner]:
    """Make runners: `durable_runner(handler)`, with the options of `DurableTestRunner`."""
    from durable_testing.runner.runner import DurableTestRunner  # noqa: PLC0415  loaded when used

    options: dict[str, Any] = {}
    if "durable_clock" in request.fixturenames:
        options["clock"] = request.getfixturevalue("durable_clock")

    def make(handler: Any, **more: Any) -> DurableTestRunner:
        return DurableTestRunner(handler, **{**options, **more})

    return make
