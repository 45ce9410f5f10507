"""Builds @top@ in a simulator and runs its test bench.

    pip install -r requirements.txt
    python3 run_cocotb.py [--sim icarus] [--seed N] [--test NAME] [--waves] [--build FOLDER]

Exit status: 0 if every test passed, else 1. Icarus is what it was tried with; `--sim` takes any simulator of cocotb.
"""

import argparse
import pathlib
import sys
from xml.etree import ElementTree

from cocotb_tools.runner import get_runner

TOP = "@top@"
SOURCES = [
@python_sources@
]


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser()
    parser.add_argument("--sim", default="icarus")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--test", help="only this one")
    parser.add_argument("--waves", action="store_true")
    parser.add_argument("--build", type=pathlib.Path, default=here / "sim_build")
    options = parser.parse_args()
    build = options.build.resolve()
    sys.path.insert(0, str(here))
    runner = get_runner(options.sim)
    runner.build(
        sources=[here.parent / name for name in SOURCES],
        hdl_toplevel=TOP,
        build_dir=build,
        always=True,
        waves=options.waves,
        timescale=("1ns", "1ps"),
    )
    # What is read afterwards is of this run.
    (build / "results.xml").unlink(missing_ok=True)
    results = runner.test(
        hdl_toplevel=TOP,
        test_module="test_" + TOP,
        build_dir=build,
        test_dir=build,
        results_xml=str(build / "results.xml"),
        testcase=options.test,
        seed=options.seed,
        waves=options.waves,
    )
    tests = list(ElementTree.parse(results).iter("testcase"))
    ran = [test for test in tests if test.find("skipped") is None]
    failed = [test for test in ran if test.find("failure") is not None or test.find("error") is not None]
    print(f"{TOP}: {len(ran)} tests, {len(failed)} failed")
    # Nothing run is nothing shown.
    sys.exit(0 if ran and not failed else 1)


if __name__ == "__main__":
    main()
