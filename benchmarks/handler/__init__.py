"""A handler in isolation beside its functions called bare, in one run; see :mod:`benchmarks.handler.__main__`."""
