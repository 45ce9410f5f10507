// Runs a test bench of sim/primitives until it finishes, and writes what of the design it reached. Verilator 5.006 makes such a main
// by itself (--binary), but without the last step.
#include <memory>

#include "Vtb.h"
#include "verilated.h"
#include "verilated_cov.h"

int main(int argc, char** argv) {
    const auto context = std::make_unique<VerilatedContext>();
    context->commandArgs(argc, argv);
    const auto top = std::make_unique<Vtb>(context.get());
    while (!context->gotFinish()) {
        top->eval();
        if (!top->eventsPending()) break;
        context->time(top->nextTimeSlot());
    }
    top->final();
    context->coveragep()->write("coverage.dat");
    return context->gotFinish() ? 0 : 1;
}
