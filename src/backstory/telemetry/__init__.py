"""Seeing what happens while it happens: metrics, traces and log lines.

Nothing here is needed by anything below; `Telemetry` wraps and listens only where it is asked to.
OpenTelemetry and prometheus-client are optional: `pip install 'backstory[telemetry]'`.
"""
