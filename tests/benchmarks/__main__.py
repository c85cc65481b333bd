"""`python -m tests.benchmarks [name …]`: our models beside others, in one table; or the sections or parts that are named.

The whole table is drawn in build/bench.png, recorded in data/results/bench.json and put into README.md; sections alone are only printed.
Parts are measured one by one against PyTorch's.
"""

import argparse
import json
import sys

from shared import evidence, figures, settings

from . import bench_attention, bench_machine, bench_multi_head, bench_training, bench_writing, table

PICTURE = table.README.parent / "build" / "bench.png"
PARTS = {"attention": bench_attention.main, "multi_head": bench_multi_head.main}
SECTIONS = {"training": bench_training.languages, "translation": bench_training.translation, "generation": bench_writing.generation,
            "beams": bench_writing.beams, "memory": bench_machine.memory, "imports": bench_machine.imports, "lessons": bench_machine.lessons}


def measure(names):
    """What the sections of these names say: the machine's limits, rows, and what is missing."""
    limits, rows, missing = bench_machine.limits(), [], []
    missing += [f"{precision} (no faster than float32 here)" for precision in bench_training.PRECISIONS if precision not in bench_training.precisions()]
    for name in names:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        found, lacking = SECTIONS[name]()
        rows += found
        missing += [peer for peer in lacking if peer not in missing]
    return {"limits": limits, "missing": missing, "rows": rows}


def whole():
    """Measure all sections; record, draw, and put them into README. → the record."""
    record = evidence.write("bench", "make bench", **measure(SECTIONS))
    PICTURE.parent.mkdir(exist_ok=True)
    figures.set_style()
    table.draw(record).savefig(PICTURE)
    table.write_readme(record)
    return record


def main(arguments=None):
    """Do what `arguments` ask for."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="name", help=f"of sections: {', '.join(SECTIONS)}; or parts: {', '.join(PARTS)}")
    parser.add_argument("--readme", action="store_true", help="measure nothing, and put what is recorded into README.md")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in SECTIONS | PARTS]:
        parser.error(f"there is no benchmark {unknown[0]!r}, only {', '.join(SECTIONS | PARTS)}")
    if options.readme:
        table.write_readme(json.loads((settings.RESULTS / "bench.json").read_text(encoding="utf-8")))
        return
    for name in options.names:
        if name in PARTS:
            PARTS[name]()
    if not options.names:
        print(f"{table.text(whole())}\n\ndrawn in build/{PICTURE.name}, recorded in data/results/bench.json and README.md")
    elif sections := [name for name in options.names if name in SECTIONS]:
        print(table.text(evidence.described("bench", "make bench", **measure(sections))))


if __name__ == "__main__":
    main()
