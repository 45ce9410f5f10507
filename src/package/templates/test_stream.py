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
THRESHOLD = @threshold@  # after reset; None if nothing is suppressed, or numbers of 16 bits or more are
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
# A wrong core may do anything, for ever.
TEST = cocotb.test(timeout_time=2 * PATIENCE * PERIOD_PS, timeout_unit="ps")
# Beats taken when a frame has begun to leave and has not ended.
INSIDE = [k + 1 for k, (last, _, _) in enumerate(EXPECTED) if not last] or range(1, len(EXPECTED))
CONTROL, STATUS, AT_THRESHOLD, COUNTERS = 0x10, 0x14, 0x18, range(0x20, 0x60, 8)
SOFT_RESET, CLEAR, DROP = 1, 2, 4 if PACE else 0  # of CONTROL; DROP is what it reads after reset


def pauses(most=0.95):
    """Now this share of cycles without valid or ready, now another one."""
    while True:
        share = random.choice([0, most, random.uniform(0, most)])
        for _ in range(random.randrange(1, 150)):
            yield random.random() < share


def pace():
    """As fast as nothing is lost."""
    return itertools.cycle([True] * (PACE - 1) + [False])


class Bench:
    """The design with a source, a sink and somebody who watches the rules of the handshake."""

    def __init__(self, dut):
        self.dut = dut
        self.taken = 0  # output beats since reset
        self.cut = False  # by a soft reset now: an output beat may vanish
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
            self.source.set_pause_generator(pace())
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
            assert held is None or beat == held or self.cut, "tvalid fell or data changed before tready"
            held = beat if valid and not ready else None
            self.taken += valid and ready

    def send(self, inputs=INPUTS):
        for data, user in inputs:
            self.source.send_nowait(AxiStreamFrame(data, tuser=user))

    async def blocked(self):
        """Whether the source is stalled for long, before it has sent all."""
        stalled, most = 0, 500 + (PACE or 0)
        while stalled < most and not self.source.idle():
            await RisingEdge(self.dut.aclk)
            stalled = 0 if int(self.dut.s_axis_tready.value) else stalled + 1
        return stalled == most

    async def expect(self):
        """All frames, each byte in its place, and nothing after them."""
        for number, beats in enumerate(FRAMES):
            frame = await with_timeout(self.sink.recv(compact=False), PATIENCE * PERIOD_PS, "ps")
            check(number, frame, beats, self.sink.byte_lanes)
        await ClockCycles(self.dut.aclk, 200)
        assert self.sink.empty() and self.taken == len(EXPECTED), "more came than was to come"

    async def rest(self):
        """Frames until no more come."""
        await self.source.wait()
        before = None
        while self.taken != before:
            before = self.taken
            await ClockCycles(self.out_clock, 2000)
        return [self.sink.recv_nowait(compact=False) for _ in range(self.sink.count())]

    def check_all(self):
        """What came after the last reset."""
        for number in range(self.sink.count()):
            check(number, self.sink.recv_nowait(compact=False), FRAMES[number], self.sink.byte_lanes)


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


@TEST
async def vectors_without_pauses(dut):
    bench = await start(dut)
    bench.send()
    await bench.expect()


if LATENCY is not None:

    @TEST
    async def latency_is_as_promised(dut):
        bench = await start(dut)
        bench.send()
        await until(dut.aclk, lambda: int(dut.s_axis_tvalid.value) and int(dut.s_axis_tready.value))
        cycles = await until(dut.aclk, lambda: int(dut.m_axis_tvalid.value))
        assert cycles == LATENCY, f"{cycles} cycles, expected {LATENCY}"
        await bench.expect()


if not PACE:

    @TEST
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

    @TEST
    async def a_blocked_output_loses_nothing(dut):
        bench = await start(dut)
        for share in (0, 0.15, 0.3, 0.5):
            bench.send()
            await until(bench.out_clock, lambda: bench.taken >= share * len(EXPECTED))
            bench.sink.pause = True
            await bench.blocked()
            bench.sink.pause = False
            await bench.expect()
            await bench.reset(2)


if REGISTERS:

    class Registers(AxiLiteMaster):
        """Of the design of a bench."""

        def __init__(self, bench):
            super().__init__(AxiLiteBus.from_prefix(bench.dut, "s_axil"), bench.dut.aclk)
            self.bench = bench

        async def reads(self, offset, value):
            came = await self.read_dword(offset)
            assert came == value, f"register {offset:02x}: {came:x}, expected {value:x}"

        async def put(self, offset, value):
            """Writes what is to be read then."""
            await self.write_dword(offset, value)
            await self.reads(offset, value)

        async def counters(self):
            """EVENTS, WORDS, FRAMES, STALLS_IN, STALLS_OUT, LOST, TRUNCATED, CRC_ERRORS: low words, then high ones."""
            return [await self.read_dword(at) | await self.read_dword(at + 4) << 32 for at in COUNTERS]

        async def counted(self, before):
            """All vectors once more; none lost, no wrong CRC."""
            came = [now - then for now, then in zip(await self.counters(), before)]
            wanted = [len(VECTORS), len(EXPECTED), len(FRAMES), *came[3:5], 0, came[6], 0]
            assert came == wanted, f"counters {came}, expected {wanted}"

        async def soft_reset(self, drop=DROP):
            """The core starts anew, and what is sent from now on is received."""
            bench = self.bench
            bench.cut = not OUTPUT_PERIOD_PS
            await self.put(CONTROL, drop | SOFT_RESET)
            bench.source.assert_reset(True)
            bench.source.clear()
            if OUTPUT_PERIOD_PS:
                # What is on its way between the clocks comes out yet.
                bench.sink.set_pause_generator(None)
                bench.sink.pause = False
                await ClockCycles(bench.out_clock, 50)
            bench.check_all()
            bench.sink.assert_reset()
            bench.taken, bench.cut = 0, False
            # In most cases the core is still in reset.
            bench.source.assert_reset(False)

    async def start_with_registers(dut):
        bench = await start(dut)
        return bench, Registers(bench)

    @TEST
    async def registers_say_what_it_is_and_count(dut):
        bench, registers = await start_with_registers(dut)
        bench.send()
        await bench.expect()
        for place, value in enumerate(REGISTERS):
            await registers.reads(4 * place, value)
        await registers.counted([0] * len(COUNTERS))

    @TEST
    async def after_a_soft_reset_inside_a_frame_the_stream_starts_anew_and_counters_go_on_until_cleared(dut):
        bench, registers = await start_with_registers(dut)
        for _ in range(8):
            if not PACE:
                bench.source.set_pause_generator(pauses(random.choice([0, 0.5])))
                bench.sink.set_pause_generator(pauses(random.choice([0, 0.5])))
            bench.send()
            after = random.choice(INSIDE)
            await until(bench.out_clock, lambda: bench.taken >= after)
            await registers.soft_reset()
        before = await registers.counters()
        assert min(before[:2]) > 0 and not before[5] and not before[7], f"counters {before}"
        bench.send()
        await bench.expect()
        await registers.counted(before)
        await registers.soft_reset()
        await registers.write_dword(CONTROL, DROP | CLEAR)
        assert await registers.counters() == [0] * len(COUNTERS), "counters are not cleared"
        await registers.reads(CONTROL, DROP)
        bench.send()
        await bench.expect()
        await registers.counted([0] * len(COUNTERS))

    @TEST
    async def a_full_core_stalls_its_input_or_loses_events_as_it_is_told(dut):
        bench, registers = await start_with_registers(dut)
        await registers.reads(CONTROL, DROP)
        for drop in (0, 4, 0):
            await registers.soft_reset(drop ^ 4)
            await ClockCycles(dut.aclk, 20)
            await registers.put(CONTROL, drop)
            loses = drop & DROP
            bench.source.set_pause_generator(None)
            bench.sink.set_pause_generator(None)
            bench.source.pause, bench.sink.pause = False, True
            before, sent, stalled, lost = await registers.counters(), 0, False, 0
            while not stalled and not lost:
                bench.send()
                sent += len(VECTORS)
                stalled = await bench.blocked()
                events, *_, stalls_out, lost, _, _ = [n - b for n, b in zip(await registers.counters(), before)]
                assert stalled or events + lost == sent, f"{events} events and {lost} lost, {sent} were sent"
            assert stalls_out > 0 and await registers.read_dword(STATUS) & 6 == 2, "the output does not wait"
            assert stalled == (not loses), f"{lost} events are lost, the input stalled: {stalled}"
            await registers.soft_reset(drop)
            bench.source.set_pause_generator(pace() if loses else pauses())
            bench.sink.set_pause_generator(None if loses else pauses())
            bench.sink.pause = False
            before = await registers.counters()
            bench.send()
            await bench.expect()
            await registers.counted(before)

    @TEST
    async def the_threshold_is_kept_and_suppresses_what_is_below_it(dut):
        bench, registers = await start_with_registers(dut)
        first = await registers.read_dword(AT_THRESHOLD)
        assert THRESHOLD in (None, first), f"threshold {first:x}"
        for value in (0x3C5A, 0xC3A5):
            await registers.put(AT_THRESHOLD, value)
        # A byte at a time.
        for offset, byte in ((0, 0x69), (1, 0x96)):
            await registers.write_byte(AT_THRESHOLD + offset, byte)
        await registers.reads(AT_THRESHOLD, 0x9669)
        if THRESHOLD is not None:
            # Where all is suppressed, what comes does not depend on what is sent.
            await registers.put(AT_THRESHOLD, 0xFFFF)
            came = []
            for inputs in (INPUTS, [([0] * len(data), user) for data, user in INPUTS]):
                await registers.soft_reset()
                bench.send(inputs)
                came.append([(bytes(frame.tdata), frame.tkeep) for frame in await bench.rest()])
            assert came[0] and came[0] == came[1], "what is below the threshold is sent"
            await registers.put(AT_THRESHOLD, THRESHOLD)
            await registers.soft_reset()
            bench.send()
            await bench.expect()
        await bench.reset(2)
        await registers.reads(AT_THRESHOLD, first)


@TEST
async def after_a_reset_inside_a_frame_the_stream_starts_anew(dut):
    bench = await start(dut)
    for cycles in [1] * 12 + [2, 3, 20]:
        if not PACE:
            bench.source.set_pause_generator(pauses(random.choice([0, 0.5])))
            bench.sink.set_pause_generator(pauses(random.choice([0, 0.5])))
        bench.send()
        after = random.choice(INSIDE)
        await until(bench.out_clock, lambda: bench.taken >= after)
        bench.check_all()
        await bench.reset(cycles)
    bench.send()
    await bench.expect()
