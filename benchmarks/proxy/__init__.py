"""The fault proxy beside HAProxy, in one run; see :mod:`benchmarks.proxy.__main__`."""
