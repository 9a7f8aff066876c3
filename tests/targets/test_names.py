from __future__ import annotations

from chaos.targets.names import Names


def test_what_was_taken_before_us_is_foreign() -> None:
    names = Names()
    assert not names.foreign("m"), "a register whose answer was lost may have taken effect"

    names.taken("m")
    assert names.foreign("m")

    names.registered("m")
    assert not names.foreign("m")


def test_our_own_name_stays_ours_when_asked_for_twice() -> None:
    names = Names()
    names.registered("m")
    names.taken("m")

    assert not names.foreign("m")


def test_a_name_let_go_can_be_taken_by_others() -> None:
    names = Names()
    names.registered("m")
    names.released("m")
    names.taken("m")

    assert names.foreign("m")
