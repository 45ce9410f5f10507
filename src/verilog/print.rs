//! The one place that knows rust-hdl: module, ports and declarations through `ModuleDefines`, the logic as a
//! `Verilog::Custom` body.
//!
//! What rust-hdl 0.46 can and cannot do, and what follows from it:
//! * its syntax tree has no sign extension, concatenation or `>>>`, and its literals have run-time widths of 1, 8, 16, 32,
//!   64 and 128 bits only (a negative one prints as `8'h-3`): the logic is our own text, see `core.rs`;
//! * widths are methods of `Atom`, so a signal here has the width it is given at run time;
//! * `StubOutputSignal` prints `wire`, `LocalSignal` prints `reg`, `OutputPassthrough` prints `output wire`; a width of 1
//!   prints a scalar, which must not be indexed;
//! * a child block becomes a module of its own, named by its path (`top$child`), for each instance: instances are text.

use rust_hdl_core::ast::{Verilog, VerilogLiteral};
use rust_hdl_core::atom::{Atom, AtomKind};
use rust_hdl_core::block::Block;
use rust_hdl_core::constraint::PinConstraint;
use rust_hdl_core::logic::Logic;
use rust_hdl_core::module_defines::ModuleDefines;
use rust_hdl_core::probe::Probe;
use rust_hdl_core::synth::VCDValue;
use rust_hdl_core::type_descriptor::{TypeDescriptor, TypeKind};

/// What a signal is in its module.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Input,
    Output,
    Wire,
    Reg,
}

struct Signal {
    name: String,
    kind: Kind,
    width: u32,
}

/// One module: signals and a body.
#[derive(Default)]
pub(super) struct Module {
    signals: Vec<Signal>,
    pub body: String,
}

impl Module {
    pub fn declare(&mut self, name: &str, kind: Kind, width: u32) {
        self.signals.push(Signal { name: name.to_owned(), kind, width });
    }

    /// The file of the module: `header` lines as comments, then the module.
    pub fn text(&self, name: &str, header: &[String]) -> String {
        let mut defines = ModuleDefines::default();
        self.accept(name, &mut defines);
        let mut text: String = header.iter().map(|line| format!("// {line}\n")).collect();
        for line in defines.defines().trim().lines() {
            // rust-hdl's own words for its kinds of signals, and the place of an absent `signed`.
            let line = match line.trim() {
                "// Module arguments" | "// Update code (custom)" => continue,
                "// Stub signals" => "    // Wires",
                "// Local signals" => "    // Registers",
                _ => line.trim_end(),
            };
            text += &line.replace("wire  ", "wire ").replace("reg  ", "reg ");
            text.push('\n');
        }
        text
    }
}

impl Atom for Signal {
    fn bits(&self) -> usize {
        self.width as usize
    }
    fn connected(&self) -> bool {
        true
    }
    fn changed(&self) -> bool {
        false
    }
    fn kind(&self) -> AtomKind {
        match self.kind {
            Kind::Input => AtomKind::InputParameter,
            Kind::Output => AtomKind::OutputPassthrough,
            Kind::Wire => AtomKind::StubOutputSignal,
            Kind::Reg => AtomKind::LocalSignal,
        }
    }
    fn descriptor(&self) -> TypeDescriptor {
        TypeDescriptor { name: self.name.clone(), kind: TypeKind::Bits(self.width as usize) }
    }
    fn vcd(&self) -> VCDValue {
        false.into()
    }
    fn id(&self) -> usize {
        0
    }
    fn verilog(&self) -> VerilogLiteral {
        false.into()
    }
    fn constraints(&self) -> Vec<PinConstraint> {
        vec![]
    }
}

impl Logic for Module {
    fn update(&mut self) {}
    fn hdl(&self) -> Verilog {
        Verilog::Custom(self.body.clone())
    }
}

impl Block for Module {
    fn connect_all(&mut self) {}
    fn update_all(&mut self) {}
    fn has_changed(&self) -> bool {
        false
    }
    fn accept(&self, name: &str, probe: &mut dyn Probe) {
        probe.visit_start_scope(name, self);
        self.signals.iter().for_each(|s| probe.visit_atom(&s.name, s));
        probe.visit_end_scope(name, self);
    }
}
