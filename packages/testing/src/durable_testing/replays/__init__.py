"""Replays of recorded executions: does the code still ask for what the history holds?"""

from durable_testing.replays.cuts import REPLAYED_OPERATIONS, CutLog
from durable_testing.replays.history import History, HistorySource, read_history
from durable_testing.replays.prefix import Divergence, replay_records
from durable_testing.replays.records import HistoryError, event_from_wire, records_of
from durable_testing.replays.replaying import ReplayReport, replay

__all__ = (
    "REPLAYED_OPERATIONS",
    "CutLog",
    "Divergence",
    "History",
    "HistoryError",
    "HistorySource",
    "ReplayReport",
    "event_from_wire",
    "read_history",
    "records_of",
    "replay",
    "replay_records",
)
