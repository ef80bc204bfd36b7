"""AWS Lambda's durable functions API on a port, or in the same process (extra `server`)."""

from durable_testing.server.app import create_app
from durable_testing.server.backend import FunctionAnswer, FunctionCall
from durable_testing.server.closings import Closings
from durable_testing.server.inprocess import AsgiResponse, asgi_request
from durable_testing.server.wire import ApiError

__all__ = (
    "ApiError",
    "AsgiResponse",
    "Closings",
    "FunctionAnswer",
    "FunctionCall",
    "asgi_request",
    "create_app",
)
