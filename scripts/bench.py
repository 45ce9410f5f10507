"""What benches in Python share: where sluice is, how it is called, and rows in files."""
import json
import os
import pathlib
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
SLUICE = pathlib.Path(os.environ.get("SLUICE", TARGET / "release/sluice")).resolve()


def ask(*args, may=(0,)):
    """Exit status and JSON of a verb; one that it may not end with is said, and ends the bench with 2."""
    done = subprocess.run([str(SLUICE), "--json", *map(str, args)], capture_output=True, text=True)
    if done.returncode not in may:
        print(f"{pathlib.Path(sys.argv[0]).name}: sluice {' '.join(map(str, args))}\n{done.stderr}", file=sys.stderr)
        sys.exit(2)
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None


def sluice(*args):
    """JSON of a verb that has to succeed."""
    return ask(*args)[1]


def save(path, rows):
    """Rows as an archive of columns."""
    np.savez(path, **{f"c{i:03}": rows[:, i] for i in range(rows.shape[1])})


def parts(rows, *sizes, seed=2026):
    """Rows in another order, cut into parts."""
    order = np.random.default_rng(seed).permutation(len(rows))
    ends = np.cumsum((0, *sizes))
    return [rows[order[a:b]] for a, b in zip(ends, ends[1:])]


def toy_cells(folder, seed, rows):
    """Toy trigger cells as floats."""
    sluice("toy", "trigger-cells", folder / "toy.npz", "--rows", rows, "--seed", seed)
    with np.load(folder / "toy.npz") as z:
        return z[z.files[0]].astype(np.float32)
