"""The traffic worker beside wrk and hey, against nginx, in one run; see :mod:`benchmarks.traffic.__main__`."""
