"""Bodies of requests like one that is given, each different in one way: what :mod:`chaos.offline.generated` draws from.

Each module gives Hypothesis strategies by the kind of the difference.
"""
