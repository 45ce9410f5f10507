"""Test bench of @top@: the vectors in, the beats of the software out.

Run it with `python3 run_cocotb.py`; it needs what requirements.txt names and a simulator.

stimuli.hex    a line for each input beat: @stimuli_fields@
expected.hex   a line for each output beat: @expected_fields@

Fields are hexadecimal, each of whole digits, between underscores: `$readmemh` reads the files too. The beats of
expected.hex are what the software makes of stimuli.hex, so a difference is a fault of the design or of its use here.
"""

import itertools
import logging
import pathlib
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource

FRAMED = @framed@  # tuser and tlast in; tkeep and tlast out
LATENCY = @latency@  # cycles from a beat in to its beat out, without stalls; None where frames are waited for
PERIOD_PS = @period_ps@  # of aclk
REGISTERS = @registers@  # what the first of them read; None without registers
BEATS = @beats@  # input beats of a vector
PACE = @pace@  # cycles from beat to beat where events are lost rather than the input stalled: as fast as none is lost
OUTPUT_PERIOD_PS = @output_period_ps@  # of m_axis_aclk; None without one


def lines(name):
    """The fields of each line of a vector file, as numbers."""
    for line in (pathlib.Path(__file__).parent / name).read_text().splitlines():
        fields = line.split("//")[0].strip()
        if fields:
            yield [int(field, 16) for field in fields.split("_")]


def groups(beats):
    """Beats up to and with each one whose first field is 1."""
    group = []
    for beat in beats:
        group.append(beat)
        if beat[0]:
            yield group
            group = []
    assert not group, "the vectors end inside a frame"


# Beats as (last, user, data) and (last, keep, data); without frames each beat stands alone.
STIMULI = [beat if FRAMED else [1, 0, *beat] for beat in lines("stimuli.hex")]
EXPECTED = [beat if FRAMED else [1, 1, *beat] for beat in lines("expected.hex")]
INPUTS = [
    ([data for _, _, data in group], [user for _, user, _ in group]) for group in groups(STIMULI)
]
FRAMES = list(groups(EXPECTED))
VECTORS = range(0, len(STIMULI), BEATS)
# Cycles in which something has to happen, with most of them paused.
PATIENCE = 10_000 + 200 * (len(STIMULI) + len(EXPECTED)) + 2 * (PACE or 0) * len(STIMULI)


def pauses(most=0.95):
    """Now this share of cycles without valid or ready, now another one."""
    while True:
        share = random.choice([0, most, random.uniform(0, most)])
        for _ in range(random.randrange(1, 150)):
            yield random.random() < share


class Bench:
    """The design with a source, a sink and somebody who watches the rules of the handshake."""

    def __init__(self, dut):
        self.dut = dut
        self.taken = 0  # output beats since reset
        self.out_clock = dut.m_axis_aclk if OUTPUT_PERIOD_PS else dut.aclk
        self.out_resetn = dut.m_axis_aresetn if OUTPUT_PERIOD_PS else dut.aresetn
        cocotb.start_soon(Clock(dut.aclk, PERIOD_PS, "ps").start())
        if OUTPUT_PERIOD_PS:
            cocotb.start_soon(Clock(dut.m_axis_aclk, OUTPUT_PERIOD_PS, "ps").start())
        # An input beat is one piece of data, however many bits it has.
        self.source = AxiStreamSource(
            AxiStreamBus.from_prefix(dut, "s_axis"), dut.aclk, dut.aresetn, False, byte_lanes=1
        )
        self.sink = AxiStreamSink(
            AxiStreamBus.from_prefix(dut, "m_axis"),
            self.out_clock,
            self.out_resetn,
            False,
            **({} if FRAMED else {"byte_lanes": 1}),
        )
        for name in ("awaddr awvalid wdata wstrb wvalid bready araddr arvalid rready" if REGISTERS else "").split():
            getattr(dut, "s_axil_" + name).value = 0
        for end in (self.source, self.sink):
            end.log.setLevel(logging.WARNING)
        cocotb.start_soon(self.watch())

    async def reset(self, cycles):
        """Everything back to the start, here too."""
        self.dut.aresetn.value = 0
        self.out_resetn.value = 0
        self.source.set_pause_generator(None)
        self.sink.set_pause_generator(None)
        self.source.pause = self.sink.pause = False
        if PACE:
            self.source.set_pause_generator(itertools.cycle([True] * (PACE - 1) + [False]))
        await ClockCycles(self.dut.aclk, cycles)
        if OUTPUT_PERIOD_PS:
            # A crossing between clocks needs some cycles of the slower one.
            await ClockCycles(self.out_clock, 8)
            await ClockCycles(self.dut.aclk, 8)
        self.source.clear()
        self.sink.clear()
        self.taken = 0
        self.out_resetn.value = 1
        self.dut.aresetn.value = 1

    async def watch(self):
        """Counts what is taken; valid and data hold until then."""
        dut, held = self.dut, None
        while True:
            await RisingEdge(self.out_clock)
            if str(self.out_resetn.value) != "1":
                held = None
                continue
            valid, ready = int(dut.m_axis_tvalid.value), int(dut.m_axis_tready.value)
            beat = None
            if valid:
                beat = [int(dut.m_axis_tdata.value)]
                if FRAMED:
                    beat += [int(dut.m_axis_tkeep.value), int(dut.m_axis_tlast.value)]
            assert held is None or beat == held, "tvalid fell or data changed before tready"
            held = beat if valid and not ready else None
            self.taken += valid and ready

    def send(self):
        for data, user in INPUTS:
            self.source.send_nowait(AxiStreamFrame(data, tuser=user))

    async def expect(self):
        """All frames, each byte in its place, and nothing after them."""
        for number, beats in enumerate(FRAMES):
            frame = await with_timeout(self.sink.recv(compact=False), PATIENCE * PERIOD_PS, "ps")
            check(number, frame, beats, self.sink.byte_lanes)
        await ClockCycles(self.dut.aclk, 200)
        assert self.sink.empty() and self.taken == len(EXPECTED), "more came than was to come"


def check(number, frame, beats, lanes):
    """Compares a frame with its beats; bytes that tkeep leaves out do not matter."""
    size = 8 if FRAMED else None
    keeps = frame.tkeep or [1] * len(frame.tdata)
    count = len(frame.tdata) // lanes
    assert count == len(beats), f"frame {number}: {count} beats, expected {len(beats)}"
    for k, (_, keep, data) in enumerate(beats):
        for lane in range(lanes):
            came = frame.tdata[k * lanes + lane]
            kept, wanted = keep >> lane & 1, data >> (lane * size) & 0xFF if size else data
            where = f"frame {number}, beat {k}, byte {lane}"
            assert keeps[k * lanes + lane] == kept, f"{where}: tkeep {1 - kept}, expected {kept}"
            assert not kept or came == wanted, f"{where}: {came:02x}, expected {wanted:02x}"


async def until(clock, condition):
    """As many edges as it takes; how many."""
    for edges in range(1, PATIENCE):
        await RisingEdge(clock)
        if condition():
            return edges
    raise AssertionError(f"nothing happened in {PATIENCE} cycles")


async def start(dut):
    bench = Bench(dut)
    await bench.reset(5)
    return bench


@cocotb.test()
async def vectors_without_pauses(dut):
    bench = await start(dut)
    bench.send()
    await bench.expect()


if LATENCY is not None:

    @cocotb.test()
    async def latency_is_as_promised(dut):
        bench = await start(dut)
        bench.send()
        await until(dut.aclk, lambda: int(dut.s_axis_tvalid.value) and int(dut.s_axis_tready.value))
        cycles = await until(dut.aclk, lambda: int(dut.m_axis_tvalid.value))
        assert cycles == LATENCY, f"{cycles} cycles, expected {LATENCY}"
        await bench.expect()


if not PACE:

    @cocotb.test()
    async def vectors_with_pauses_on_both_sides(dut):
        bench = await start(dut)
        for sides in ("source", "sink", "both", "both"):
            if sides != "sink":
                bench.source.set_pause_generator(pauses())
            if sides != "source":
                bench.sink.set_pause_generator(pauses())
            bench.send()
            await bench.expect()
            await bench.reset(2)

    @cocotb.test()
    async def a_blocked_output_loses_nothing(dut):
        bench = await start(dut)
        for share in (0, 0.15, 0.3, 0.5):
            bench.send()
            await until(bench.out_clock, lambda: bench.taken >= share * len(EXPECTED))
            bench.sink.pause = True
            # Until the source is stalled for long, or has sent all.
            stalled = 0
            while stalled < 500 and not bench.source.idle():
                await RisingEdge(dut.aclk)
                stalled = 0 if int(dut.s_axis_tready.value) else stalled + 1
            bench.sink.pause = False
            await bench.expect()
            await bench.reset(2)


if REGISTERS:

    @cocotb.test()
    async def registers_say_what_it_is_and_count(dut):
        bench = await start(dut)
        bus = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.aclk)
        bench.send()
        await bench.expect()
        for place, value in enumerate(REGISTERS):
            assert await bus.read_dword(4 * place) == value, f"register {4 * place:02x}"
        # Events, output beats, frames; none lost, no wrong CRC.
        counts = {0x20: len(VECTORS), 0x28: len(EXPECTED), 0x30: len(FRAMES), 0x48: 0, 0x58: 0}
        for offset, count in counts.items():
            low, high = await bus.read_dword(offset), await bus.read_dword(offset + 4)
            assert high << 32 | low == count, f"counter {offset:02x}: {high << 32 | low}, expected {count}"


@cocotb.test()
async def after_a_reset_inside_a_frame_the_stream_starts_anew(dut):
    bench = await start(dut)
    inside = [k + 1 for k, (last, _, _) in enumerate(EXPECTED) if not last]
    inside = inside or range(1, len(EXPECTED))
    for cycles in [1] * 12 + [2, 3, 20]:
        if not PACE:
            bench.source.set_pause_generator(pauses(random.choice([0, 0.5])))
            bench.sink.set_pause_generator(pauses(random.choice([0, 0.5])))
        bench.send()
        after = random.choice(inside)
        await until(bench.out_clock, lambda: bench.taken >= after)
        # What came after the last reset.
        for number in range(bench.sink.count()):
            check(number, bench.sink.recv_nowait(compact=False), FRAMES[number], bench.sink.byte_lanes)
        await bench.reset(cycles)
    bench.send()
    await bench.expect()
