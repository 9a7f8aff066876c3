"""Histories of an etcd register as Jepsen recorded them in 2014, with what Knossos and Porcupine say of them.

Porcupine's tests have them as ``test_data/jepsen/etcd_NNN.log``, taken from A. Horn's linearizability-checker. In
short: ``3?r`` client 3 reads, ``3?w4`` writes 4, ``3?c34`` sets 4 if there is 3; then ``3=2`` it read 2 (``n``:
nothing), ``3=`` it did, ``3!`` it did not, and without any of these nobody knows.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from math import inf

from chaos.operations.linearizability import Call

__all__ = ["LOGS", "EtcdRegister", "calls_of"]

LOGS: dict[str, tuple[bool, str]] = {
    "000": (False, """
        0?r 3?r 2?w4 1?w2 4?w3 3=n 0=n 4= 1= 2= 3?w3 0?r 0=3 3= 4?r 4=3 1?r 1=3 2?c30 2= 0?w2 3?r 0= 3=0 4?r 4=2 1?c03
        2?c00 1! 2! 0?c21 3?r 3=2 0= 4?r 4=1 1?r 1=1 2?r 2=1 3?w0 0?c13 3= 4?w2 0! 4= 1?r 1=2 2?c11 2! 3?c00 0?r 0=2
        4?w1 3! 1?c21 2?w2 2= 0?c14 3?w3 0! 3= 2?w2 9?w3 0?r 0=3 2= 3?c34 3! 6?c11 0?w1 0= 2?c00 2! 3?c22 3! 14?w4
        0?c43 0! 2?w0 11?r 11=2 2= 3?w2 3= 0?w1 11?c21 2?c03 3?r 3=2 19?r 19=2 3?r 3=2 19?c13 19= 5?w0 16?c43 7?c12 5=
        7! 16! 3?c42 3! 19?c01 19= 5?c40 7?c14 16?r 16=1 3?c13 3! 5= 7= 19?c20 19! 16?r 16=0 3?r 3=0 5?r 7?c42 5=0 7!
        19?c23 19! 16?c41 3?w4 5?w4 7?c02 19?r 19=0 19?w3 19= 21?c20 21! 8?w4 10?w2 10= 12?c44 19?w4 21?r 21=4 19=
        10?c01 10! 21?c33 21! 19?r 19=4 13?c22 17?c44 10?r 10=1
    """),
    "001": (False, """
        0?r 1?r 0=n 1=n 4?w0 2?c10 3?w2 2! 4= 3= 0?r 0=0 1?c00 1= 2?r 2=0 4?w1 3?w3 4= 3= 0?r 0=3 1?c30 2?c04 1= 2=
        4?r 4=4 3?r 3=4 0?r 0=4 1?w1 1= 2?r 2=1 4?w4 4= 3?c13 3! 0?r 0=4 1?c02 2?r 2=4 4?r 4=4 3?c32 0?c21 2?r 2=4
        4?c00 6?r 6=4 2?c23 8?r 8=4 5?r 5=4 6?c30 6! 9?c34 8?w0 8= 5?w1 5= 6?w1 7?r 7=4 6= 8?r 8=1 5?w2 5= 7?r 7=4
        14?c10 6?c12 8?r 8=2 6! 5?r 5=2 7?c13 8?w3 8= 6?w0 6= 5?r 5=0 19?w2 19= 8?r 8=2 6?w0 5?c21 6= 12?r 12=0
        19?c13 5! 8?c34 8! 19! 6?w3 6= 12?c03 12! 5?c03 8?r 8=3 5! 19?r 19=3 6?w1 6= 12?r 12=1 8?r 8=1 5?r 5=1 19?c32
        19! 6?w1 12?w4 8?r 8=1 5?r 5=1 19?w4 8?w0 5?c24 11?r 11=1 17?c01 17! 24?r 24=1 11?c13 11= 17?c34 13?r 13=1
        10?w1 17= 24?c11 10= 11?c14 11= 13?r 13=1 17?c03 17! 10?w4 10= 11?r 11=4
    """),
    "002": (True, """
        4?r 4=n 1?w1 2?c24 3?c12 0?c14 1= 0! 2= 3= 4?w0 4= 1?w2 1= 0?r 0=2 2?c02 3?c23 2! 3= 4?r 4=3 1?w3 1= 0?w2 2?w0
        0= 2= 3?c04 3= 4?c34 4! 1?w1 0?w3 0= 1= 2?r 2=3 3?r 3=3 4?r 4=3 0?c43 0! 1?c22 2?w3 1! 3?w2 4?w2 4= 0?c14 0!
        1?w3 1= 4?c30 4= 0?r 0=0 7?c31 1?w1 8?r 8=3 4?c40 1= 0?w2 0= 4! 8?c40 1?w0 1= 0?w4 0= 12?w4 4?r 4=4 1?r 1=4
        0?w2 0= 4?c30 4! 13?w3 1?w0 17?r 0?c21 17=3 4?w1 17?c01 18?r 18=3 6?w3 5?w2 9?c22 18?w4 22?w1 11?w3 10?c11
        14?w0 11= 23?c44 14= 10! 23! 27?w1 11?w2 11= 14?c12 10?r 10=2 14! 23?r 23=0 11?w1 11= 10?r 10=1 14?w2 23?c23
        32?c21 14= 11?w4 11= 10?c11 10! 14?w4 14= 11?c24 11! 10?r 10=4 28?r 28=0 37?w3 14?r 14=4
    """),
    "005": (True, """
        3?r 3=n 2?c14 4?w2 1?c01 0?c41 4= 1! 0! 2! 3?r 3=2 4?c11 4! 1?w4 0?w4 2?w2 0= 2= 1= 3?w1 4?c43 3= 4! 0?r 0=1
        2?w1 1?r 1=1 2= 3?c41 3! 4?w2 0?r 0=1 4= 1?c13 2?r 2=2 1! 3?w4 3= 0?w4 4?c21 2?c33 1?c20 3?w4 5?w4 9?r 9=4
        7?r 7=4 6?w0 5= 8?c20 8! 9?w0 7?w1 5?c30 7= 5! 8?r 8=1 11?w2 7?w0 5?c41 7= 8?c14 8! 5! 14?w3 7?r 7=0 8?w3 8=
        5?c13 5! 16?r 16=4 7?r 7=3 8?c21 8! 5?c03 19?c43 5! 19! 16?w2 7?w3 8?c22 7= 16= 8! 5?w0 19?w2 5= 19= 7?r 7=2
        16?r 16=2 8?r 8=2 5?w4 19?r 19=2 7?r 7=2 16?r 16=2 8?c11 5= 8! 19?c12 19! 7?w3 16?r 16=4 5?c14 8?c41 19?r 19=4
        16?r 16=4 19?r 19=4 12?c00 16?w2 12! 10?r 10=4 16= 13?w2 19?c14 12?w1 10?r 10=2 16?w0 12= 16= 10?r 10=0 18?r
        18=0
    """),
}  # fmt: skip
"""By the number of the log: whether it is linearizable, and the events in the order in which they were seen."""

_EVENT = re.compile(r"(\d+)([?=!])(r|w\d|c\d\d|\d|n)?")


class EtcdRegister:
    """A register that holds nothing, ``"n"``, before it is written."""

    def initial(self) -> Hashable:
        return "n"

    def step(self, state: Hashable, call: Call) -> list[Hashable]:
        what, *values = call.asked
        if what == "r":
            return [state] if not call.known or call.answer == state else []
        if what == "w":
            return [values[0]]
        old, new = values
        if call.known and call.answer != (state == old):
            return []
        return [new if state == old else state]


def calls_of(log: str) -> list[Call]:
    """The calls of a log, with the places of their events as instants."""
    begun: dict[str, tuple[str, float]] = {}
    calls: list[Call] = []
    for at, word in enumerate(log.split()):
        match = _EVENT.fullmatch(word)
        assert match is not None, word
        client, what, value = match.groups()
        if what == "?":
            if client in begun:
                asked, start = begun.pop(client)
                calls.append(Call(asked, None, start))
            begun[client] = value, float(at)
        else:
            asked, start = begun.pop(client)
            calls.append(Call(asked, value if asked == "r" else what == "=", start, float(at)))
    return calls + [Call(asked, None, start, inf) for asked, start in begun.values()]
