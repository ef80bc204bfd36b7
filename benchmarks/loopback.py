"""A stand-in for the Lambda API in a process of its own: acknowledges every update at once."""

from __future__ import annotations

import json
import socketserver
import sys
from http.server import BaseHTTPRequestHandler
from subprocess import PIPE, Popen

SECONDS = 1764000000.0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {
            "CheckpointToken": "bmV4dA==",
            "NewExecutionState": {"Operations": [_record(u) for u in body.get("Updates") or ()]},
        }
        text = json.dumps(answer).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}"
        self.wfile.write(head.encode() + b"\r\n\r\n" + text)

    def log_message(self, *_: object) -> None:
        pass


def _record(update: dict) -> dict:
    return {
        "Id": update["Id"],
        "Type": update["Type"],
        "Status": "SUCCEEDED" if update["Action"] == "SUCCEED" else "STARTED",
        "Name": update.get("Name"),
        "SubType": update.get("SubType"),
        "StartTimestamp": SECONDS,
        "EndTimestamp": SECONDS,
        "StepDetails": {"Attempt": 1, "Result": update.get("Payload")},
    }


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def start() -> tuple[Popen[str], str]:
    """Start the stand-in; return its process and its URL."""
    process = Popen([sys.executable, __file__], stdout=PIPE, text=True)
    assert process.stdout is not None
    return process, f"http://127.0.0.1:{int(process.stdout.readline())}"


if __name__ == "__main__":
    with Server(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
