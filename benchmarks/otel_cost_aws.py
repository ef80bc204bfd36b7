"""What tracing by AWS's plugin adds to a step of AWS's SDK; `otel_cost.py` runs it in its own venv.

    python benchmarks/otel_cost_aws.py STEPS ROUNDS

Prints one JSON object: CPU microseconds a step, the best of the rounds, by kind of plugin. The
service, the batch processor and the exporter are those of `otel_cost.py`.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
import time
from datetime import UTC, datetime
from typing import Any

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # noqa: TID251  AWS's SDK wants one

from aws_durable_execution_sdk_python import durable_execution
from aws_durable_execution_sdk_python import lambda_service as service
from aws_durable_execution_sdk_python.execution import (
    DurableExecutionInvocationInput,
    DurableExecutionInvocationInputWithClient,
)
from aws_durable_execution_sdk_python.plugin import DurableInstrumentationPlugin
from aws_durable_execution_sdk_python_otel.otel_plugin_config import OtelPluginConfig
from aws_durable_execution_sdk_python_otel.plugin_factory import (
    ExecutionOtelPluginFactory,
    InvocationOtelPluginFactory,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f:1/durable-execution/bench/{}"


class Dropping(SpanExporter):
    """Takes spans and forgets them."""

    def export(self, spans: Any) -> SpanExportResult:
        del spans
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to do."""


class InstantClient:
    """Reports every update as applied."""

    def __init__(self) -> None:
        self.calls = 0
        self.now = datetime.now(UTC)  # noqa: TID251  a benchmark reads the clock

    def checkpoint(
        self, durable_execution_arn: str, checkpoint_token: str, updates: Any, client_token: Any
    ) -> Any:
        del durable_execution_arn, checkpoint_token, client_token
        self.calls += 1
        changed = {update.operation_id: self.changed(update) for update in updates}
        state = service.CheckpointUpdatedExecutionState(list(changed.values()), None)
        return service.CheckpointOutput(f"t{self.calls}", state)

    def changed(self, update: Any) -> Any:
        is_start = update.action is service.OperationAction.START
        status = service.OperationStatus
        return service.Operation(
            operation_id=update.operation_id,
            operation_type=update.operation_type,
            status=status.STARTED if is_start else status.SUCCEEDED,
            parent_id=update.parent_id,
            name=update.name,
            sub_type=update.sub_type,
            start_timestamp=self.now,
            end_timestamp=None if is_start else self.now,
            step_details=service.StepDetails(attempt=1, result=update.payload),
        )

    def get_execution_state(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


class LambdaContext:
    """What the SDK looks at."""

    aws_request_id = "r1"
    log_group_name = log_stream_name = function_name = "f"
    function_version = "1"
    memory_limit_in_mb = "128"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
    tenant_id = client_context = identity = None

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


class NoHook:
    """Makes a plugin that overrides no hook."""

    __durable_registration_api__ = 1
    exclusive_group = None

    def create_plugin(self, _: Any) -> Any:
        return DurableInstrumentationPlugin()


def round_us(count: int, number: int, plugins: list[Any]) -> float:
    """CPU microseconds a step of one execution."""

    def handler(_: Any, context: Any) -> int:
        for _ in range(count):
            context.step(lambda _: 1, name="step")
        return count

    decorated = durable_execution(handler, plugins=plugins or None)
    execution = {
        "Id": "e",
        "Type": "EXECUTION",
        "Status": "STARTED",
        "StartTimestamp": time.time_ns() // 1_000_000,
        "ExecutionDetails": {"InputPayload": "{}"},
    }
    event = {
        "DurableExecutionArn": ARN.format(number),
        "CheckpointToken": "t0",
        "InitialExecutionState": {"Operations": [execution], "NextMarker": ""},
    }
    given = DurableExecutionInvocationInput.from_json_dict(event)
    make = DurableExecutionInvocationInputWithClient.from_durable_execution_invocation_input
    given_client = make(given, InstantClient())
    gc.collect()
    before = time.process_time_ns()
    output = decorated(given_client, LambdaContext())
    taken = (time.process_time_ns() - before) / 1000 / count
    if output["Status"] != "SUCCEEDED":
        raise SystemExit(str(output))
    return taken


def main() -> None:
    count, rounds = int(sys.argv[1]), int(sys.argv[2])
    logging.disable(logging.CRITICAL)
    provider = TracerProvider()
    provider.add_span_processor(
        BatchSpanProcessor(Dropping(), max_queue_size=50_000, schedule_delay_millis=60_000)
    )
    config = OtelPluginConfig(tracer_provider=provider, enrich_logger=False)
    kinds: dict[str, list[Any]] = {
        "none": [],
        "no hook": [NoHook()],
        "invocation": [InvocationOtelPluginFactory(config)],
        "execution": [ExecutionOtelPluginFactory(config)],
    }
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(rounds):
        for kind, plugins in kinds.items():
            found[kind].append(round_us(count, number, plugins))
    print(json.dumps({kind: min(taken) for kind, taken in found.items()}))


if __name__ == "__main__":
    main()
