"""A handler as a node of a pipeline: tested with its samples, and given the data that comes to it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chaos.errors import DocumentError
from chaos.handlers.isolation import Isolated
from chaos.handlers.package import is_package
from chaos.offline.compatibility import check_files, unfit
from chaos.offline.nodes import Given, NodeRun, Surroundings, counted, not_run, unfit_node
from chaos.offline.opening import opened_package, samples_of
from chaos.offline.results import CheckResult, InferenceTestResult, TypeTried
from chaos.offline.specs import InferenceHandlerSpec, InferenceTestSample
from chaos.offline.testing import test_package
from chaos.offline.wiring import ANSWERS, DATA, HANDLER, PAYLOADS
from chaos.offline.written import SUGGESTED

__all__ = ["run_handler_node"]

ARCHIVES = (".tar.gz", ".tgz", ".tar", ".mar")


def run_handler_node(
    name: str, spec: InferenceHandlerSpec, given: Sequence[Given], wanted: bool, around: Surroundings
) -> NodeRun:
    """Give a handler the data that comes to it, test it, and let it answer. Without samples, the data are its samples.

    :param wanted: its answers are wanted behind it
    """
    if not all(each.written for each in given):
        return not_run(name, given)
    answers = around.at(name, ANSWERS)
    files: tuple[Path, ...] = ()
    try:
        spec = _delivered(spec, given)
        with opened_package(spec) as package:
            edges, fitting = _edges(spec, package, given, around)
            if not spec.payload_samples_path and not spec.test_data_samples:
                spec = spec.model_copy(update={"test_data_samples": tuple(map(_sample, fitting))})
            tested = test_package(spec, around.options, around.heard)
            if wanted and tested.overall_success:
                files = _answers(spec, package, answers, around)
    except DocumentError as error:
        return unfit_node(name, given, str(error))
    check = CheckResult(
        name=name,
        verdict="pass" if tested.overall_success else "unknown" if tested.verdict == "unknown" else "fail",
        words=_words(tested),
        evidence={"kind": "handler", "seconds": tested.total_execution_time, "answers": len(files)},
    )
    written = {ANSWERS: files}
    lacking = "" if files else "it answered no sample"
    return NodeRun(check, edges, {ANSWERS: answers}, written, written, lacking, tested=tested)


def _words(tested: InferenceTestResult) -> str:
    passed = [check for check in tested.checks if check.verdict == "pass"]
    failed = [check for check in tested.checks if check.verdict in ("fail", "unknown")]
    if tested.overall_success:
        return f"all {len(passed)} checks that apply hold"
    first = f"{failed[0].name}: {failed[0].words}" if failed else "; ".join(tested.errors)
    return f"{len(failed)} of {len(passed) + len(failed)} checks do not hold: {first}"


def _delivered(spec: InferenceHandlerSpec, given: Sequence[Given]) -> InferenceHandlerSpec:
    """The specification with the package and the samples that come by edges.

    :raises DocumentError: if what comes is none
    """
    for each in given:
        if each.wire.input == HANDLER:
            package = _package(each.path, spec.packaged_model_path or spec.handler_path, each.wire.edge)
            spec = spec.model_copy(
                update={"packaged_model_path": str(package), "handler_path": "", "model_dir": ""}
            )
        elif each.wire.input == PAYLOADS:
            spec = spec.model_copy(update={"payload_samples_path": str(each.path)})
    return spec


def _package(path: Path, named: str, edge: str) -> Path:
    """The package at a path: itself, or the one in it that has the name, or the only archive in it."""
    if path.is_file() or is_package(path):
        return path
    if named and (path / Path(named).name).exists():
        return path / Path(named).name
    archives = sorted(each for each in path.glob("*") if each.name.endswith(ARCHIVES))
    if len(archives) != 1:
        found = ", ".join(each.name for each in archives) or "none"
        raise DocumentError(
            edge, f"there should be one package in {path}, and there is {found}", "write model.tar.gz"
        )
    return archives[0]


def _edges(
    spec: InferenceHandlerSpec, package: Path, given: Sequence[Given], around: Surroundings
) -> tuple[tuple[CheckResult, ...], list[TypeTried]]:
    """The edges to a handler, checked; and for each file a type as which it fits."""
    edges: list[CheckResult] = []
    fitting: dict[str, TypeTried] = {}
    for each in given:
        name = each.wire.edge
        if each.wire.input != DATA:
            words = f"{each.path.name} is its {'package' if each.wire.input == HANDLER else 'directory of samples'}"
            edges.append(CheckResult(name=name, verdict="pass", words=words))
            continue
        if not each.files:
            edges.append(CheckResult(name=name, verdict="fail", words=each.lacking))
            continue
        try:
            tried = check_files(each.files, spec, package, around.options.limits)
        except DocumentError as error:
            edges.append(CheckResult(name=name, verdict="unknown", words=str(error)))
            continue
        wrong = unfit(tried)
        for one in tried:
            if one.fits:
                fitting.setdefault(one.file, one)
        types = dict.fromkeys(fitting[str(file)].content_type for file in each.files if str(file) in fitting)
        words = wrong or f"{counted(len(each.files))} as {', '.join(types)}"
        evidence = {"tried": [_tried(one) for one in tried]}
        edges.append(
            CheckResult(name=name, verdict="fail" if wrong else "pass", words=words, evidence=evidence)
        )
    return tuple(edges), list(fitting.values())


def _tried(one: TypeTried) -> dict[str, Any]:
    return {
        "file": Path(one.file).name,
        "content_type": one.content_type,
        "fits": one.fits,
        "error": one.call.error,
    }


def _sample(one: TypeTried) -> InferenceTestSample:
    path = Path(one.file)
    return InferenceTestSample(sample_name=path.name, content_type=one.content_type, data=path.read_bytes())


def _answers(
    spec: InferenceHandlerSpec, package: Path, directory: Path, around: Surroundings
) -> tuple[Path, ...]:
    """What it answers to its samples, as files that are named after them."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    suffixes = {kind: suffix for suffix, kind in reversed(list(SUGGESTED.items()))}
    default = spec.supported_accept_types[0] if "supported_accept_types" in spec.model_fields_set else ""
    files: list[Path] = []
    with Isolated(package, around.options.limits) as process:
        for sample in samples_of(spec):
            ran = process.run(sample.data, sample.content_type, sample.accept or default)
            if ran.outcome == "ok" and sample.should_succeed:
                kind = ran.content_type.partition(";")[0].strip().lower()
                stem = re.sub(r"[^A-Za-z0-9.-]+", "-", sample.sample_name).lstrip(".-") or "sample"
                path = directory / f"{len(files) + 1:03d}-{stem}{suffixes.get(kind, '.bin')}"
                path.write_bytes(ran.body)
                files.append(path)
    return tuple(files)
