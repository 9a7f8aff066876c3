"""The proxy's metrics in Prometheus text, under TorchServe's names."""

from __future__ import annotations

import socket
from collections.abc import Collection
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, generate_latest

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters of one proxy process; they begin at zero when it starts, as Prometheus expects."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._host = socket.gethostname()
        labels = ("model_name", "model_version", "hostname")
        self._requests = self._counter("ts_inference_requests", "Total number of inference requests.", labels)
        self._latency = self._counter(
            "ts_inference_latency_microseconds", "Cumulative inference duration in microseconds", labels
        )
        self._queue = self._counter(
            "ts_queue_latency_microseconds", "Cumulative queue duration in microseconds", labels
        )
        self._classes = {
            klass: self._counter(f"Requests{klass}XX", f"Requests answered {klass}XX", ("Level", "Hostname"))
            for klass in (2, 4, 5)
        }

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def served(self, model: str, seconds: float, waited: float) -> None:
        """An inference reached a handler: how long it took in all, and how much of that in the queue."""
        labels = (model, "default", self._host)
        self._requests.labels(*labels).inc()
        self._latency.labels(*labels).inc(seconds * 1e6)
        self._queue.labels(*labels).inc(waited * 1e6)

    def forget(self, model: str) -> None:
        """A model is gone, and so is what was counted of it: models come and go, and a series a name would pile up."""
        for counter in (self._requests, self._latency, self._queue):
            with suppress(KeyError):
                counter.remove(model, "default", self._host)

    def answered(self, status: int) -> None:
        """An HTTP answer was given, by whatever part of the platform."""
        counter = self._classes.get(status // 100)
        if counter is not None:
            counter.labels("Host", self._host).inc()

    def render(self, names: Collection[str] = ()) -> bytes:
        """The exposition; of these metrics only, if any are named.

        ``prometheus-client`` gives each counter the ending ``_total``; TorchServe's names have it only where
        they have it, so the others lose it here.
        """
        text = generate_latest(self._registry).decode()
        lines = []
        for line in text.splitlines():
            start = 2 if line.startswith("# ") else 0
            words = line.split(" ")
            name = words[start].split("{", 1)[0]
            if name.endswith("_created"):
                continue
            plain = name if name.startswith("ts_inference_requests") else name.removesuffix("_total")
            if not names or plain in names:
                lines.append(line.replace(name, plain, 1))
        return ("\n".join(lines) + "\n").encode() if lines else b""
