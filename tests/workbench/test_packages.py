"""Each package of the tests gets the verdict that a person would give it: for the reason that it was made for, and no
other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chaos.handlers.limits import Limits
from chaos.offline.results import InferenceTestResult
from chaos.offline.specs import InferenceHandlerSpec
from chaos.offline.testing import TestOptions, test_package
from chaos.sla.results import Verdict

TESTS = Path(__file__).parents[1]
PACKAGES = TESTS / "packages"

OPTIONS = TestOptions(limits=Limits(memory=384 << 20, processes=16), repeats=2, leak_calls=60, seed=1)
HANGS = replace(OPTIONS, limits=replace(OPTIONS.limits, call=0.5))

BAD = {
    "bad_no_model": ({"contract"}, "no model_fn"),
    "bad_no_predict": ({"contract"}, "no predict_fn"),
    "bad_arity": ({"contract"}, "predict_fn takes 1 parameter"),
    "bad_requirements": ({"requirements"}, "no-such-library"),
    "bad_model_raises": ({"load"}, "weights.txt"),
    "bad_input_raises": ({"input_fn", "pipeline"}, "KeyError"),
    "bad_predict_raises": ({"predict_fn", "pipeline"}, "matmul"),
    "bad_output_raises": ({"output_fn", "pipeline"}, "not JSON serializable"),
    "bad_hangs": ({"predict_fn", "pipeline"}, "0.5 s"),
    "bad_allocates": ({"predict_fn", "pipeline"}, "memory"),
    "bad_exits": ({"predict_fn", "pipeline"}, "ended its process"),
    "bad_crashes": ({"predict_fn", "pipeline"}, "SIGSEGV"),
    "bad_forks": ({"predict_fn", "pipeline", "processes"}, "more than the 16 allowed"),
    "bad_secrets": ({"secrets"}, "printed"),
    "bad_state": ({"statelessness"}, "one.json"),
    "bad_random": ({"determinism"}, "answers the same request otherwise: one.json"),
    "bad_threads": ({"threads"}, "+44 in 44 calls"),
    "bad_reloads": ({"loaded once"}, "model_fn"),
    "bad_leaks": ({"memory"}, " MiB in 44 calls"),
}
"""By package: the checks that fail, and words that the first of them says."""


def result_of(name: str) -> InferenceTestResult:
    spec = InferenceHandlerSpec(
        handler_name=name,
        packaged_model_path=str(PACKAGES / name),
        payload_samples_path=str(TESTS / "payloads" / name),
    )
    return test_package(spec, HANGS if name == "bad_hangs" else OPTIONS)


def failed(result: InferenceTestResult) -> dict[str, str]:
    return {check.name: check.words for check in result.checks if check.verdict == "fail"}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_package_fails_for_its_reason_and_no_other(name: str) -> None:
    checks, words = BAD[name]
    result = result_of(name)

    assert not result.overall_success
    assert result.verdict is Verdict.FAIL
    assert set(failed(result)) == checks, [f"{c.name}: {c.verdict}: {c.words}" for c in result.checks]
    assert any(words in said for said in failed(result).values()), failed(result)


@pytest.mark.parametrize("name", sorted(path.name for path in PACKAGES.glob("good_*")))
def test_a_good_package_passes(name: str) -> None:
    result = result_of(name)

    assert failed(result) == {}
    assert result.overall_success, [f"{c.name}: {c.verdict}: {c.words}" for c in result.checks]
    assert result.verdict is Verdict.PASS


def test_every_bad_package_is_tested() -> None:
    assert {path.name for path in PACKAGES.glob("bad_*")} == set(BAD)
