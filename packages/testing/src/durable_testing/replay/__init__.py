"""Replays of recorded executions: does the code still ask for what the history holds?"""

from durable_testing.replay.cuts import CutLog
from durable_testing.replay.prefix import Divergence, replay_records
from durable_testing.replay.records import event_from_wire, records_of

__all__ = (
    "CutLog",
    "Divergence",
    "event_from_wire",
    "records_of",
    "replay_records",
)
