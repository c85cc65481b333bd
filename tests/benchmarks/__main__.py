"""`python -m tests.benchmarks [name …]`: runs all benchmarks, or those named."""

import argparse

from . import bench_attention, bench_multi_head

BENCHMARKS = {"attention": bench_attention.main, "multi_head": bench_multi_head.main}

parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(BENCHMARKS)}; all by default")
names = parser.parse_args().names or list(BENCHMARKS)
if unknown := [name for name in names if name not in BENCHMARKS]:
    parser.error(f"there is no benchmark {unknown[0]!r}, only {', '.join(BENCHMARKS)}")
for name in names:
    BENCHMARKS[name]()
