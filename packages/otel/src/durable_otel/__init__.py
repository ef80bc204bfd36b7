"""OpenTelemetry spans and metrics per durable operation, right across replay."""
