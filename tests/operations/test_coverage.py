"""What programs have reached is counted by operation, state of its model, company, fault and outcome."""

from __future__ import annotations

from chaos.operations.coverage import Coverage, points_of
from tests.operations.synthetic import Story


def test_each_operation_is_a_point() -> None:
    record = (
        Story("a")
        .call("infer", "a", 0, "fail", status=404)
        .call("register", "a", 2)
        .standing(a=2)
        .call("scale", "a", 0)
        .call("scale", "a", 0, same=True)
        .standing(a=0)
        .call("list", told=["a"])
        .fault("intent")
        .call("describe", "a", 0, told={"desired": 0, "workers": 0})
        .fault("reverted")
        .end()
    )

    assert points_of(record) == {
        ("infer", "absent", "alone", "none", "fail"): 1,
        ("register", "absent", "alone", "none", "ok"): 1,
        ("scale", "several", "beside", "none", "ok"): 2,
        ("list", "any", "alone", "none", "ok"): 1,
        ("describe", "none", "alone", "process", "ok"): 1,
    }


def test_they_add_up() -> None:
    coverage = Coverage()
    for _ in range(3):
        coverage.add(points_of(Story("a").call("register", "a", 1).standing(a=1).end()))

    assert (coverage.programs, coverage.operations) == (3, 3)
    assert coverage.table() == {"register": {"absent": 3}}
    assert coverage.document()["points"] == [
        {
            "operation": "register", "state": "absent", "company": "alone", "fault": "none", "outcome": "ok",
            "times": 3,
        }
    ]  # fmt: skip
