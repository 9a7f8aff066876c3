"""SageMaker's container API: what SageMaker calls in a container that serves a model, or several.

``sagemaker+http://HOST:PORT`` names the container. Options:

    multi        ``yes`` (default): it loads and unloads models (the multi-model API); ``no``: it serves the one that it
                 has, so a target like this neither registers nor describes
    models       the directory where it has its packages, put before the names of those that are registered
    management   port or URL of multi-model-server's own management API, which counts workers and scales
                 (:mod:`chaos.targets.multi_model_server`)
    verify       ``false`` takes any certificate

Reference: "Custom Inference Code with Hosting Services" and "Custom Containers Contract for Multi-Model Endpoints" in
the SageMaker developer guide.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import anyio
import anyio.to_thread

from chaos.errors import CapabilityError, TargetError
from chaos.targets import sagemaker_wire as wire
from chaos.targets.base import Target
from chaos.targets.context import TargetContext, UnansweredError, recorded
from chaos.targets.http import Answer, ControlClient, RefusedError
from chaos.targets.names import Names
from chaos.targets.options import flag, require_address
from chaos.targets.processes import LocalProcesses
from chaos.targets.records import ModelState, Part
from chaos.targets.url import TargetURL, is_loopback
from chaos.traffic.spec import HttpRequest

__all__ = [
    "Container",
    "LocalContainer",
    "LocalMultiModel",
    "MultiModel",
    "inference",
    "open_target",
    "package_url",
]

OPTIONS = ("multi", "models", "management", "verify")
JSON = (("Content-Type", "application/json"), ("Accept", "application/json"))
HEALTH_SECONDS = 5.0
READY_SECONDS = 25.0
"""How long after a load was answered a model may take until it is described as ready."""
POLL_SECONDS = 0.05
PAGES = 1000
"""More pages than any container has models for: a server may answer with the same page for ever."""

_REMEDIES = {
    404: "is there such a package in the container? models=DIR names the directory that has them",
    405: "the container takes no models: multi=no",
    409: "the name is taken: unload that model first, or choose another name",
    507: "the container has no room for it: unload another model first",
}


def open_target(url: TargetURL, context: TargetContext) -> Target:
    """Entry point: a container that runs already, with its processes if it is on this machine."""
    require_address(url, "sagemaker+http://127.0.0.1:8080")
    url.check_options(OPTIONS)
    local = is_loopback(url.host)
    multi = url.option("multi", "yes")
    if multi not in ("yes", "no"):
        raise TargetError(f"target {url.text}: option 'multi' is yes or no, not '{multi}'")
    if multi == "no":
        if url.option("management") or url.option("models"):
            raise TargetError(
                f"target {url.text}: a container of one model has no option 'management' or 'models' "
                "(leave multi=no out)"
            )
        return LocalContainer(url, context) if local else Container(url, context)
    if url.option("management"):
        from chaos.targets.multi_model_server import LocalMultiModelServer, MultiModelServer  # made from this

        return LocalMultiModelServer(url, context) if local else MultiModelServer(url, context)
    return LocalMultiModel(url, context) if local else MultiModel(url, context)


def inference(url: str, payload: object, verify: bool) -> HttpRequest:
    """An inference: the payload is the body, as JSON, and JSON is what is wanted back."""
    return HttpRequest(url=url, headers=JSON, body=json.dumps(payload).encode(), verify_tls=verify)


def package_url(url: TargetURL, package: str) -> str:
    """What a package is called in the container: a path as it is, a name below the directory that has them."""
    directory = url.option("models").rstrip("/")
    return f"{directory}/{package}" if directory and not package.startswith("/") else package


class Container:
    """A container that serves one model: it infers, and says whether it is well."""

    def __init__(self, url: TargetURL, context: TargetContext) -> None:
        self.url = url.text
        self._base = url.base
        self._verify = flag(url, "verify", default=True)
        self._client = ControlClient(url.base, verify_tls=self._verify)
        self._record = context.record

    async def open(self) -> None:
        """Check that it answers ``GET /ping``; one that is not well yet can be opened."""
        with recorded(self._record, "open"):
            await self._greet()

    async def _greet(self) -> None:
        answer = await self._client.call("GET", "/ping", seconds=HEALTH_SECONDS)
        if 400 <= answer.status < 500:
            answer.expect(
                f"target {self.url}: asking for its health", "is this the port of a SageMaker container?"
            )

    async def close(self) -> None:
        """Let go of the connections; the container is not ours to stop."""
        await self._client.close()

    async def healthy(self) -> bool:
        """The status of ``GET /ping``, by which SageMaker goes; a container that does not answer is not healthy."""
        try:
            return (await self._client.call("GET", "/ping", seconds=HEALTH_SECONDS)).status == 200
        except TargetError:
            return False

    def infer_request(self, model: str, payload: object) -> HttpRequest:
        """An invocation; a container of one model is not told a name."""
        return inference(f"{self._base}/invocations", payload, self._verify)

    def control_request(
        self, operation: str, model: str = "", workers: int = 0, package: str = ""
    ) -> HttpRequest:
        """``health``: it has nothing else."""
        if operation != "health":
            self._lacks(operation, "it only tells its health")
        return HttpRequest(f"{self._base}/ping", "GET", verify_tls=self._verify)

    def _lacks(self, operation: str, words: str) -> NoReturn:
        raise CapabilityError(f"target {self.url}: SageMaker's container API has no '{operation}' ({words})")


class MultiModel(Container):
    """A container of several models: it also registers and describes.

    How many workers serve a model is the container's to decide, and no part of SageMaker's API. One that describes its
    own API as taking a number of workers (``GET /api-description``: multi-model-server, the embedded platform) is asked
    for them.
    """

    def __init__(self, url: TargetURL, context: TargetContext) -> None:
        super().__init__(url, context)
        self._target_url = url
        self._names = Names()
        self._counts = False

    async def _greet(self) -> None:
        await super()._greet()
        answer = await self._client.call("GET", "/models", seconds=HEALTH_SECONDS)
        if answer.status in (404, 405, 501):
            raise CapabilityError(
                f"target {self.url}: the container has no multi-model API ({answer.url} answered {answer.status}), so "
                "what needs models to be registered is not applicable (one that serves one model: multi=no)"
            )
        wire.page_told(answer.expect(f"target {self.url}: listing models"))
        described = await self._client.call("GET", "/api-description", seconds=HEALTH_SECONDS)
        self._counts = wire.takes_workers(described)

    def infer_request(self, model: str, payload: object) -> HttpRequest:
        """An invocation of one of its models."""
        return inference(f"{self._base}{wire.invoke_path(model)}", payload, self._verify)

    async def register(self, model: str, package: str, workers: int) -> None:
        """Load a package and see it ready.

        A name that is taken belongs to who took it: it is refused, and :meth:`unregister` will not touch it.
        """
        with recorded(self._record, "register", model):
            body = self._loading(model, package, workers)
            what = f"target {self.url}: loading '{body['url']}' as model '{model}'"
            answer = await self._client.call("POST", "/models", body=body)
            if answer.status == 409:
                self._names.taken(model)
            answer.expect(what, _REMEDIES.get(answer.status, ""))
            self._names.registered(model)
            await self._until_ready(model, workers, what)

    async def unregister(self, model: str) -> None:
        """Unload it, and see it gone; that it is not there is no error."""
        if self._names.foreign(model):
            return
        with recorded(self._record, "unregister", model):
            what = f"target {self.url}: unloading model '{model}'"
            answer = await self._client.call("DELETE", wire.model_path(model))
            if answer.status != 404:
                answer.expect(what)
            with anyio.move_on_after(READY_SECONDS):
                while (await self._described(model)).status != 404:  # noqa: ASYNC110 - nothing tells
                    await anyio.sleep(POLL_SECONDS)
                self._names.released(model)
                return
            raise UnansweredError(f"{what}: accepted, but after {READY_SECONDS:g} s it is still described")

    def control_request(
        self, operation: str, model: str = "", workers: int = 0, package: str = ""
    ) -> HttpRequest:
        """``register``, ``unregister``, ``describe``, ``list`` and ``health``."""
        request = wire.asked(operation, model)
        if request is None:
            self._lacks(operation, "it registers, unregisters, describes and lists")
        method, path = request
        body = b""
        if operation == "register":
            body = json.dumps(self._loading(model, package, workers)).encode()
        return HttpRequest(f"{self._base}{path}", method, JSON if body else (), body, self._verify)

    async def models(self) -> list[str]:
        """All names, page by page."""
        names: set[str] = set()
        parameters: dict[str, str] = {}
        for _ in range(PAGES):
            answer = await self._client.call("GET", "/models", params=parameters)
            page, token = wire.page_told(answer.expect(f"target {self.url}: listing models"))
            names.update(page)
            if not page or not token:
                return sorted(names)
            parameters = {"next_page_token": token}
        raise UnansweredError(f"target {self.url}: {self._base}/models does not end")

    async def describe(self, model: str) -> ModelState:
        """What it says of a model: 1 worker where it does not tell them, and no pids, as the API has none."""
        answer = await self._described(model)
        what = f"target {self.url}: describing model '{model}'"
        answer.expect(what, "is it loaded?" if answer.status == 404 else "")
        return replace(wire.state_told(answer, model), pids=())

    async def _described(self, model: str) -> Answer:
        return await self._client.call("GET", wire.model_path(model))

    def _loading(self, model: str, package: str, workers: int) -> dict[str, object]:
        return wire.loading(model, package_url(self._target_url, package), workers if self._counts else None)

    async def _until_ready(self, model: str, workers: int, what: str) -> None:
        state: ModelState | None = None
        with anyio.move_on_after(READY_SECONDS):
            while True:
                with suppress(RefusedError):  # it took the model in, whatever it says of it yet
                    state = await self.describe(model)
                    if state.ready and (state.workers == workers or not self._counts):
                        return
                await anyio.sleep(POLL_SECONDS)
        seen = f"{state.workers} of {state.desired}" if state is not None else "none"
        raise UnansweredError(
            f"{what}: accepted, but after {READY_SECONDS:g} s {seen} workers are ready (see the container's log)"
        )


class _Local:
    """What is added on this machine: the processes behind the port can be read."""

    _processes: LocalProcesses

    def pids(self) -> list[int]:
        """The server that owns the port."""
        return self._processes.pids()

    async def parts(self) -> list[Part]:
        """The server as manager: the container API does not tell which of its processes serves what."""
        return await anyio.to_thread.run_sync(self._processes.parts, {})


class LocalContainer(_Local, Container):
    """A container of one model on this machine."""

    def __init__(self, url: TargetURL, context: TargetContext) -> None:
        super().__init__(url, context)
        self._processes = LocalProcesses(url.port)


class LocalMultiModel(_Local, MultiModel):
    """A container of several models on this machine."""

    def package_in(self, directory: Path) -> str:
        """Its path; a container that has files of its own, as in Docker, refuses what it does not find there."""
        return str(directory)

    def __init__(self, url: TargetURL, context: TargetContext) -> None:
        super().__init__(url, context)
        self._processes = LocalProcesses(url.port)
