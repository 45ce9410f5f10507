"""Test bench of @top@: the vectors in, the vectors of the software out, each in its cycle.

Run it with `python3 run_cocotb.py`; it needs what requirements.txt names and a simulator.

stimuli.hex    a line for each input vector, hexadecimal: @stimuli_fields@
expected.hex   a line for each output vector: @expected_fields@

`$readmemh` reads the files too. expected.hex is what the software makes of stimuli.hex, so a difference is a fault of the
design or of its use here.
"""

import pathlib
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer

CLOCK, RESET = "@clock@", @reset@
X_VALID, Y_VALID = @input_valid@, @output_valid@
LATENCY, II = @latency@, @ii@
PERIOD_PS = @period_ps@
# Pixels: rows, columns, cycles from a row to the next, bits of a pixel; None where a vector comes as a whole.
PIXELS = @pixels@


def lines(name):
    """The number in each line of a vector file."""
    for line in (pathlib.Path(__file__).parent / name).read_text().splitlines():
        number = line.split("//")[0].strip()
        if number:
            yield int(number, 16)


STIMULI, EXPECTED = list(lines("stimuli.hex")), list(lines("expected.hex"))


def schedule(gaps):
    """What is on the bus in which cycle, and what has to come in which: II cycles from vector to vector, or more."""
    drive, expect, at = {}, {}, 3
    for x, y in zip(STIMULI, EXPECTED):
        if PIXELS:
            rows, columns, pitch, bits = PIXELS
            for pixel in range(rows * columns):
                value = x >> (pixel * bits) & ((1 << bits) - 1)
                drive[at + pixel // columns * pitch + pixel % columns] = (value, int(pixel == 0))
        else:
            drive[at] = (x, 1)
        expect[at + LATENCY] = y
        at += II + (random.choice([0, 0, 1, 2, random.randrange(3 * II + 3)]) if gaps else 0)
    return drive, expect


async def run(dut, gaps, cycles=None):
    """Sends the vectors and compares; stops after some cycles, if that is said."""
    drive, expect = schedule(gaps)
    bus = getattr(dut, "@input_port@")
    for cycle in range(cycles or max(expect) + LATENCY + II + 5):
        await FallingEdge(getattr(dut, CLOCK))
        # What is on the bus between vectors does not matter.
        x, valid = drive.get(cycle, (random.getrandbits(len(bus)), 0))
        bus.value = x
        if X_VALID:
            getattr(dut, X_VALID).value = valid
        await Timer(PERIOD_PS // 4, "ps")
        wanted = expect.get(cycle)
        if Y_VALID:
            came = int(getattr(dut, Y_VALID).value)
            assert came == (wanted is not None), f"cycle {cycle}: {Y_VALID} is {came}"
        if wanted is not None:
            came = int(getattr(dut, "@output_port@").value)
            vector = list(expect).index(cycle)
            assert came == wanted, f"vector {vector}, cycle {cycle}: {came:x}, expected {wanted:x}"


async def start(dut):
    cocotb.start_soon(Clock(getattr(dut, CLOCK), PERIOD_PS, "ps").start())
    getattr(dut, "@input_port@").value = 0
    if X_VALID:
        getattr(dut, X_VALID).value = 0
    await reset(dut)


async def reset(dut):
    """One cycle is enough."""
    if RESET:
        await FallingEdge(getattr(dut, CLOCK))
        getattr(dut, RESET).value = 0
        await FallingEdge(getattr(dut, CLOCK))
        getattr(dut, RESET).value = 1
        if X_VALID:
            getattr(dut, X_VALID).value = 0


@cocotb.test()
async def vectors_one_after_the_other(dut):
    await start(dut)
    await run(dut, gaps=False)


if X_VALID:

    @cocotb.test()
    async def vectors_with_gaps(dut):
        await start(dut)
        await run(dut, gaps=True)


if RESET:

    @cocotb.test()
    async def after_a_reset_inside_a_vector_nothing_is_left_of_it(dut):
        await start(dut)
        for _ in range(10):
            await run(dut, gaps=True, cycles=random.randrange(4, 4 + 2 * LATENCY + 2 * II))
            await reset(dut)
        await run(dut, gaps=True)
