// The C interface between sluice and a design compiled by Verilator.
//
// One shared object per design. Buses travel as arrays of 32-bit words, lowest word first; their sizes come from the
// generated header `sluice_params.h`. The wrapper around the design is padded to at least three words a bus, so that
// Verilator always makes them word arrays. One call runs many cycles: crossing the language border per cycle costs
// more than the simulation of a small design.
//
// A cycle here: inputs are set while the clock is low, everything settles, outputs are sampled, then the clock rises.
// An output that is seen n cycles after its input has therefore passed n registers.

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "Vsluice_simtop.h"
#include "sluice_params.h"
#include "verilated.h"

namespace {

struct Sim {
    VerilatedContext context;
    std::unique_ptr<Vsluice_simtop> top{new Vsluice_simtop{&context, "top"}};

    void drive(const uint32_t* words, uint32_t flip) {
        for (int k = 0; k < SLUICE_IN_WORDS; k++) top->din[k] = words[k] ^ flip;
    }
    void settle() {
        top->clk = 0;
        top->eval();
    }
    void rise() {
        top->clk = 1;
        top->eval();
    }
    void sample(uint32_t* words) {
        for (int k = 0; k < SLUICE_OUT_WORDS; k++) words[k] = top->dout[k];
    }
};

// splitmix64: small, and the same everywhere, so a seed replays a stall pattern on any machine.
struct Random {
    uint64_t state;
    uint32_t percent() {
        uint64_t z = (state += 0x9e3779b97f4a7c15ull);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return static_cast<uint32_t>(((z ^ (z >> 31)) >> 32) % 100);
    }
};

}  // namespace

extern "C" {

// Eight cycles of reset, with idle inputs.
void sluice_reset(void* handle) {
    Sim* sim = static_cast<Sim*>(handle);
    uint32_t zero[SLUICE_IN_WORDS] = {};
    sim->drive(zero, 0);
    sim->top->in_valid = 0;
    sim->top->out_ready = 0;
    sim->top->rst = 1;
    for (int c = 0; c < 8; c++) {
        sim->settle();
        sim->rise();
    }
    sim->top->rst = 0;
}

// A design after reset.
void* sluice_new() {
    Sim* sim = new Sim;
    sluice_reset(sim);
    return sim;
}

void sluice_free(void* handle) {
    Sim* sim = static_cast<Sim*>(handle);
    sim->top->final();
    delete sim;
}

// One vector a cycle, valid or not: `cycles` cycles, the last of the `n` vectors held to the end; every output kept.
void sluice_run(void* handle, const uint32_t* in, uint64_t n, uint32_t* out, uint64_t cycles) {
    Sim* sim = static_cast<Sim*>(handle);
    sim->top->in_valid = 1;
    sim->top->out_ready = 1;
    for (uint64_t c = 0; c < cycles; c++) {
        sim->drive(in + (c < n ? c : n - 1) * SLUICE_IN_WORDS, 0);
        sim->settle();
        sim->sample(out + c * SLUICE_OUT_WORDS);
        sim->rise();
    }
}

// Vectors `ii` cycles apart, or after random gaps of up to `gap` cycles more, into a kernel with x_valid; idle to the end,
// which comes `tail` cycles after the last vector. Without x_valid the bus carries the next vector inverted. `info` gets, in
// order: outputs seen, cycle of the first input, cycle of the first output, outputs that did not come `latency` cycles after
// their input (the bus is not sampled then), cycles run.
void sluice_paced(void* handle, const uint32_t* in, uint64_t n, uint32_t* out, uint32_t ii, uint32_t gap, uint64_t seed,
                  uint64_t latency, uint64_t tail, uint64_t* info) {
    Sim* sim = static_cast<Sim*>(handle);
    Random random{seed};
    std::vector<uint64_t> due;
    uint64_t sent = 0, seen = 0, wrong = 0, first_out = ~0ull, last = 0, c = 0;
    sim->top->out_ready = 1;
    for (uint64_t next = 0; sent < n || c <= last + tail; c++) {
        const bool valid = sent < n && c == next;
        sim->drive(in + (sent < n ? sent : n - 1) * SLUICE_IN_WORDS, valid ? 0u : ~0u);
        sim->top->in_valid = valid;
        if (valid) {
            due.push_back(c + latency);
            last = c;
            next = c + ii + (gap ? (random.percent() * (gap + 1)) / 100 : 0);
            sent++;
        }
        sim->settle();
        if (sim->top->out_valid) {
            if (first_out == ~0ull) first_out = c;
            if (seen < due.size() && due[seen] == c)
                sim->sample(out + seen * SLUICE_OUT_WORDS);
            else
                wrong++;
            seen++;
        }
        sim->rise();
    }
    const uint64_t result[5] = {seen, 0, first_out, wrong, c};
    std::memcpy(info, result, sizeof result);
}

// A ready/valid stream of `n` beats, of which `m` are to come back, with random stalls on both sides. `info` gets, in order:
// cycle of the first and of the last accepted input, cycle of the first output offered, outputs taken, breaches of the
// protocol, cycles run, words that came at the port `side`; the first `n` of these go to `side`. Runs on for `tail` cycles after
// the last expected output, so that a surplus beat is noticed. With `pause` nobody knows how many come back, `m` at most: the last
// beat goes in when nothing has come out for `tail` cycles, and so it ends.
void sluice_stream(void* handle, const uint32_t* in, uint64_t n, uint32_t* out, uint64_t m, uint32_t stall, uint64_t seed,
                   uint64_t max_cycles, uint64_t tail, uint32_t pause, uint32_t* side, uint64_t* info) {
    Sim* sim = static_cast<Sim*>(handle);
    Random random{seed};
    uint32_t now[SLUICE_OUT_WORDS], held[SLUICE_OUT_WORDS];
    const uint32_t idle[SLUICE_IN_WORDS] = {};
    uint64_t sent = 0, taken = 0, breaches = 0, first_in = ~0ull, last_in = 0, first_out = ~0ull, done = 0, quiet = 0,
             sides = 0, c = 0;
    bool offering = false, waiting = false;
    for (; c < max_cycles && done <= tail; c++) {
        // Valid never waits for ready, and once up it stays until the beat is taken.
        const bool may = sent < n && (!pause || sent + 1 < n || quiet > tail);
        if (!offering && may) offering = random.percent() >= stall;
        const bool ready = random.percent() >= stall;
        // Without valid the bus carries the next vector inverted: a design that looks at it then gives itself away.
        const uint32_t* next = sent < n ? in + sent * SLUICE_IN_WORDS : idle;
        sim->drive(next, offering ? 0u : ~0u);
        sim->top->in_valid = offering;
        sim->top->out_ready = ready;
        sim->settle();
        const bool valid = sim->top->out_valid;
        sim->sample(now);
        if (waiting && (!valid || std::memcmp(now, held, sizeof now) != 0)) breaches++;
        if (valid && first_out == ~0ull) first_out = c;
        if (valid && ready) {
            if (taken < m) std::memcpy(out + taken * SLUICE_OUT_WORDS, now, sizeof now);
            taken++;
        }
        if (sim->top->side_valid) {
            if (sides < n) side[sides] = sim->top->side;
            sides++;
        }
        waiting = valid && !ready;
        std::memcpy(held, now, sizeof now);
        const bool entered = offering && sim->top->in_ready;
        if (entered) {
            if (first_in == ~0ull) first_in = c;
            last_in = c;
            sent++;
            offering = false;
        }
        quiet = valid || entered ? 0 : quiet + 1;
        if (sent >= n && (taken >= m || (pause && quiet > tail))) done++;
        sim->rise();
    }
    const uint64_t result[7] = {first_in, last_in, first_out, taken, breaches, c, sides};
    std::memcpy(info, result, sizeof result);
}

// A stream whose beats come when they are due: beat i is offered from cycle `due[i]` on, after those before it, until it is taken. The
// output is ready in the cycles whose bit in `ready` is set, the lowest first; after its last word comes the first again. Stops when
// nothing has moved for `tail` cycles, with no beat to come. `taken` gets the cycle in which each went in, `left` twice the cycle in which each
// output was taken, plus its bit SLUICE_LAST_BIT: the first `most` of them. `info` gets: beats taken, outputs, cycles run.
void sluice_trace(void* handle, const uint32_t* in, uint64_t n, const uint64_t* due, const uint64_t* ready, uint64_t words,
                  uint64_t tail, uint64_t* taken, uint64_t* left, uint64_t most, uint64_t* info) {
    Sim* sim = static_cast<Sim*>(handle);
    uint32_t now[SLUICE_OUT_WORDS];
    const uint32_t idle[SLUICE_IN_WORDS] = {};
    uint64_t sent = 0, out = 0, quiet = 0, c = 0;
    for (; quiet <= tail; c++) {
        const bool early = sent < n && c < due[sent];
        const bool offering = sent < n && !early;
        sim->drive(offering ? in + sent * SLUICE_IN_WORDS : idle, 0u);
        sim->top->in_valid = offering;
        sim->top->out_ready = ready[(c / 64) % words] >> (c % 64) & 1;
        sim->settle();
        const bool moved = sim->top->out_valid && sim->top->out_ready;
        if (moved) {
            sim->sample(now);
            const uint32_t last = SLUICE_LAST_BIT < 0 ? 1u : now[SLUICE_LAST_BIT / 32] >> (SLUICE_LAST_BIT % 32) & 1;
            if (out < most) left[out] = 2 * c + last;
            out++;
        }
        const bool entered = offering && sim->top->in_ready;
        if (entered) taken[sent++] = c;
        quiet = moved || entered || early ? 0 : quiet + 1;
        sim->rise();
    }
    const uint64_t result[3] = {sent, out, c};
    std::memcpy(info, result, sizeof result);
}

}  // extern "C"
