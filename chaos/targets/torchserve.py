"""TorchServe's management and inference APIs over REST.

``torchserve+http://HOST:PORT`` names the inference address. Options:

    management   port or URL of the management API (default: 8081 on the same host)
    metrics      port or URL of the metrics API; checked when the target is opened
    store        ``mar`` (default): packages are archives, ``.mar`` is appended to their names; ``plain``: as given
    token, management_token
                 the inference and the management key where token authorization is on, or ``env:NAME``
    verify       ``false`` takes any certificate
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import ClassVar
from urllib.parse import quote, urlsplit

import anyio
import anyio.to_thread

from chaos.errors import CapabilityError, TargetError
from chaos.targets import torchserve_wire as wire
from chaos.targets.base import Target
from chaos.targets.context import TargetContext, UnansweredError, recorded
from chaos.targets.http import Answer, ControlClient, RefusedError
from chaos.targets.names import Names
from chaos.targets.options import flag, redacted, require_address, secret
from chaos.targets.processes import LocalProcesses
from chaos.targets.records import ModelState, Part, Told
from chaos.targets.url import TargetURL, is_loopback
from chaos.traffic.spec import HttpRequest

__all__ = ["LocalTorchServe", "TorchServe", "open_target"]

OPTIONS = ("management", "metrics", "store", "token", "management_token", "verify")
DEFAULT_MANAGEMENT = "8081"
HEALTH_SECONDS = 5.0
READY_SECONDS = 25.0
"""How long after the server accepted it a change may take until it can be seen."""
POLL_SECONDS = 0.05
GONE_SECONDS = 10.0
"""How long a worker process may live on after the server says that it is gone."""
PAGE = 100
PAGES = 1000
"""More pages than any server has models for: a server may answer with the same page for ever."""

_WORKER = re.compile(r"(^|/)model_service_worker\.py$")
"""In the command of a worker process."""
_KEYS = (
    "token authorization is on: give the keys of its key_file.json by the options token and management_token"
)
_REGISTER_REMEDIES = {
    404: "is the archive in the server's model store? (store=plain takes names without .mar)",
    405: "start TorchServe with --enable-model-api",
    409: "the name is taken: unregister that model first, or choose another name",
}


def open_target(url: TargetURL, context: TargetContext) -> Target:
    """Entry point: a TorchServe that runs already, with its processes if it is on this machine."""
    require_address(url, "torchserve+http://127.0.0.1:8080?management=8081")
    url.check_options(OPTIONS)
    return LocalTorchServe(url, context) if is_loopback(url.host) else TorchServe(url, context)


class TorchServe:
    """A TorchServe: infers, registers, scales and describes."""

    server: ClassVar[str] = "TorchServe"
    """What it is called in errors."""
    remedies: ClassVar[Mapping[int, str]] = _REGISTER_REMEDIES
    """What to do about a registration that is refused with a status."""

    def __init__(self, url: TargetURL, context: TargetContext) -> None:
        self.url = redacted(url.text)
        store = url.option("store", "mar")
        if store not in ("mar", "plain"):
            raise TargetError(f"target {self.url}: option 'store' is mar or plain, not '{store}'")
        self._suffix = ".mar" if store == "mar" else ""
        self._verify = flag(url, "verify", default=True)
        self._token = secret(url, "token")
        self._management_token = secret(url, "management_token")
        management = url.endpoint("management") or _with_port(url, DEFAULT_MANAGEMENT)
        self._base = url.base
        self._inference = ControlClient(url.base, self._token, self._verify)
        self._management = ControlClient(management, self._management_token, self._verify)
        self._metrics = ControlClient(url.endpoint("metrics"), verify_tls=self._verify)
        self._record = context.record
        self._names = Names()
        ports = (url.port, urlsplit(management).port or 0)
        self._processes = LocalProcesses(*ports) if is_loopback(url.host) else None

    async def open(self) -> None:
        """Check that the inference and the management address answer as TorchServe does."""
        with recorded(self._record, "open"):
            status = wire.mapping(await self._inference.call("GET", "/ping", seconds=HEALTH_SECONDS))
            if "status" not in status:
                said = str(status.get("message") or status)
                hint = _KEYS if "oken" in said else f"is this {self.server}'s inference address?"
                raise TargetError(f"target {self.url}: {self._base}/ping says '{said}' ({hint})")
            answer = await self._management.call(
                "GET", "/models", params={"limit": "1"}, seconds=HEALTH_SECONDS
            )
            if "models" not in wire.mapping(self._expect(answer, "listing models")):
                raise TargetError(
                    f"target {self.url}: {answer.url} does not list models "
                    f"(name {self.server}'s management address: management=PORT)"
                )
            if self._metrics.base:
                metrics = await self._metrics.call("GET", "/metrics", seconds=HEALTH_SECONDS)
                metrics.expect("reading metrics", "name TorchServe's metrics address: metrics=PORT")

    async def close(self) -> None:
        """Let go of the connections; the server is not ours to stop."""
        for client in (self._inference, self._management, self._metrics):
            await client.close()

    async def healthy(self) -> bool:
        """What ``/ping`` says; a server that does not answer is not healthy."""
        try:
            answer = await self._inference.call("GET", "/ping", seconds=HEALTH_SECONDS)
            return answer.ok and wire.mapping(answer).get("status") == "Healthy"
        except TargetError:
            return False

    def infer_request(self, model: str, payload: object) -> HttpRequest:
        """A prediction: the payload is the body, as JSON."""
        headers = [("Content-Type", "application/json")]
        if self._token:
            headers.append(("Authorization", f"Bearer {self._token}"))
        return HttpRequest(
            url=f"{self._base}/predictions/{quote(model, safe='')}",
            headers=tuple(headers),
            body=json.dumps(payload).encode(),
            verify_tls=self._verify,
        )

    async def register(self, model: str, package: str, workers: int) -> None:
        """Register an archive of the model store, and see its workers ready.

        A name that is taken belongs to who took it: it is refused, and :meth:`unregister` will not touch it.
        """
        await self._register(model, workers, wire.registering(model, self._archive(package), workers))

    async def register_batched(self, model: str, package: str, workers: int, size: int, delay: float) -> None:
        """As :meth:`register`, with ``batch_size`` and ``max_batch_delay``, which TorchServe has in milliseconds."""
        batching = {"batch_size": str(size), "max_batch_delay": str(round(delay * 1000))}
        await self._register(
            model, workers, wire.registering(model, self._archive(package), workers) | batching
        )

    async def _register(self, model: str, workers: int, parameters: dict[str, str]) -> None:
        with recorded(self._record, "register", model):
            answer = await self._management.call("POST", "/models", params=parameters)
            archive = parameters["url"]
            what = f"target {self.url}: registering '{archive}' as model '{model}'"
            if answer.status == 409:
                self._names.taken(model)
            self._expect(answer, what, self.remedies.get(answer.status, ""))
            self._names.registered(model)
            await self._until(model, workers, (), what)

    async def unregister(self, model: str) -> None:
        """Unregister it; that it is not there is no error."""
        if self._names.foreign(model):
            return
        with recorded(self._record, "unregister", model):
            what = f"target {self.url}: unregistering model '{model}'"
            try:
                before = (await self.describe(model)).pids
                self._expect(await self._management.call("DELETE", wire.model_path(model)), what)
                await self._gone(what, before)
            except RefusedError as error:
                if error.status != 404:
                    raise
            self._names.released(model)

    async def scale(self, model: str, workers: int) -> None:
        """Scale to exactly that many workers, and see that no others are left."""
        with recorded(self._record, "scale", model):
            what = f"target {self.url}: scaling model '{model}' to {workers} workers"
            before = (await self.describe(model)).pids
            self._expect(
                await self._management.call("PUT", wire.model_path(model), params=wire.scaling(workers)), what
            )
            await self._until(model, workers, before, what)

    def control_request(
        self, operation: str, model: str = "", workers: int = 0, package: str = ""
    ) -> HttpRequest:
        """All but ``load`` and ``unload``, answered when it is done."""
        base, token = self._management.base, self._management_token
        if operation == "health":
            base, token, method, path = self._base, self._token, "GET", "/ping"
        else:
            registering = wire.registering(model, self._archive(package), workers)
            asked = wire.asked(operation, model, workers, registering)
            if asked is None:
                raise CapabilityError(
                    f"target {self.url}: {self.server}'s control plane has no '{operation}' "
                    "(it registers and unregisters)"
                )
            method, path = asked
        headers = (("Authorization", f"Bearer {token}"),) if token else ()
        return HttpRequest(f"{base}{path}", method, headers, verify_tls=self._verify)

    def _archive(self, package: str) -> str:
        return package if package.endswith(self._suffix) else f"{package}{self._suffix}"

    async def models(self) -> list[str]:
        """All names, page by page."""
        names: set[str] = set()
        parameters = {"limit": str(PAGE)}
        for _ in range(PAGES):
            answer = await self._management.call("GET", "/models", params=parameters)
            page = wire.mapping(self._expect(answer, f"target {self.url}: listing models"))
            entries = page.get("models")
            if not isinstance(entries, list) or not all(map(_named, entries)):
                break
            names.update(str(entry["modelName"]) for entry in entries)
            if not entries or "nextPageToken" not in page:
                return sorted(names)
            parameters["next_page_token"] = str(page["nextPageToken"])
        raise UnansweredError(
            f"target {self.url}: {self._management.base}/models does not end, or is no list of models "
            f"(is this {self.server}'s management address?)"
        )

    async def describe(self, model: str) -> ModelState:
        """What the management API says of the default version."""
        answer = await self._management.call("GET", wire.model_path(model))
        what = f"target {self.url}: describing model '{model}'"
        self._expect(answer, what, "is it registered?" if answer.status == 404 else "")
        state = wire.model_state(answer)
        if self._processes is not None:
            await anyio.to_thread.run_sync(self._processes.saw, state.pids)
        return state

    async def timings(self, model: str) -> Told:
        """From its metrics in Prometheus' format; its ``ts_inference_latency`` counts the wait in the queue too."""
        if not self._metrics.base:
            raise CapabilityError(
                f"target {self.url}: its metrics are not known (name their address: metrics=PORT)"
            )
        answer = await self._metrics.call("GET", "/metrics")
        return wire.told(self._expect(answer, f"target {self.url}: reading metrics"), model)

    async def _until(self, model: str, workers: int, before: Iterable[int], what: str) -> None:
        """Wait until exactly ``workers`` are ready and no others are listed, or run."""
        state: ModelState | None = None
        with anyio.move_on_after(READY_SECONDS):
            while True:
                state = await self.describe(model)
                if state.workers == workers == len(state.detail["workers"]):
                    await self._gone(what, set(before) - set(state.pids))
                    return
                await anyio.sleep(POLL_SECONDS)
        seen = f"{state.workers} of {len(state.detail['workers'])}" if state is not None else "none"
        raise UnansweredError(
            f"{what}: after {READY_SECONDS:g} s {seen} workers are ready, not {workers} "
            "(does its handler load? see the server's log)"
        )

    async def _gone(self, what: str, pids: Collection[int]) -> None:
        """Wait for the end of worker processes that are described no more, where they can be seen (D12)."""
        processes, left = self._processes, list[int]()
        if processes is None or not pids:
            return
        with anyio.move_on_after(GONE_SECONDS):
            while left := await anyio.to_thread.run_sync(processes.lingering, pids):  # noqa: ASYNC110 - nothing tells
                await anyio.sleep(POLL_SECONDS)
            return
        raise UnansweredError(
            f"{what}: the server says it is done, but worker processes that it describes no more still run "
            f"after {GONE_SECONDS:g} s: {left} (end them by hand, or restart the server)"
        )

    def _expect(self, answer: Answer, what: str, remedy: str = "") -> Answer:
        if answer.status == 400 and b"InvalidKeyException" in answer.body:
            remedy = _KEYS
        return answer.expect(what, remedy)


class LocalTorchServe(TorchServe):
    """A TorchServe on this machine, whose processes can be read."""

    def pids(self) -> list[int]:
        """Who owns the inference and the management port, and workers that live on without it."""
        return self._processes.pids() if self._processes is not None else []

    async def parts(self) -> list[Part]:
        """The server as manager, and its worker processes as far as they run here; without a model those that it
        describes as nobody's, as TorchServe forgets some of a registration that fails (D12)."""
        processes = self._processes
        if processes is None:
            return []
        running = await anyio.to_thread.run_sync(processes.commands)
        workers = {pid: "" for pid, command in running.items() if any(map(_WORKER.search, command))}
        for model in await self.models():
            workers |= dict.fromkeys((await self.describe(model)).pids, model)
        return await anyio.to_thread.run_sync(processes.parts, workers)


def _named(entry: object) -> bool:
    return isinstance(entry, dict) and bool(entry.get("modelName"))


def _with_port(url: TargetURL, port: str) -> str:
    return replace(url, options=(("management", port),)).endpoint("management")
