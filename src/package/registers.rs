//! The registers of a core, as a table that the page, the C header and the IP-XACT file are printed from.
//!
//! `hdl/link_registers.v` is what answers at these addresses.

use std::fmt::Write as _;

use super::fill;
use crate::verilog::Identity;

/// What software may do with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read.
    Read,
    /// Read and write.
    ReadWrite,
    /// Writing 1 starts something, and the bit becomes 0 by itself.
    Start,
}

impl Access {
    fn short(self) -> &'static str {
        match self {
            Access::Read => "ro",
            Access::ReadWrite => "rw",
            Access::Start => "w1",
        }
    }
}

/// Bits of a register.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Name, in lower case.
    pub name: &'static str,
    /// Lowest bit.
    pub low: u32,
    /// How many.
    pub bits: u32,
    /// Access.
    pub access: Access,
    /// What it is.
    pub meaning: &'static str,
}

impl Field {
    /// Its bits in the register.
    pub fn mask(&self) -> u32 {
        (((1u64 << self.bits) - 1) << self.low) as u32
    }
}

/// A word of 32 bits.
#[derive(Clone, Copy, Debug)]
pub struct Register {
    /// Byte address.
    pub offset: u32,
    /// Name, in lower case.
    pub name: &'static str,
    /// Its fields, from the lowest bit up.
    pub fields: &'static [Field],
    /// What it is.
    pub meaning: &'static str,
}

impl Register {
    fn writable(&self) -> bool {
        self.fields.iter().any(|f| f.access != Access::Read)
    }
}

const fn field(name: &'static str, low: u32, bits: u32, access: Access, meaning: &'static str) -> Field {
    Field { name, low, bits, access, meaning }
}

const WORD: &[Field] = &[field("value", 0, 32, Access::Read, "all bits")];

const fn word(offset: u32, name: &'static str, meaning: &'static str) -> Register {
    Register { offset, name, fields: WORD, meaning }
}

/// Bytes of the block.
pub const RANGE: u32 = 0x100;

/// What `ID` reads: `SLUC` in ASCII.
pub const ID: u32 = 0x534C_5543;

/// The map.
pub const REGISTERS: &[Register] = &[
    word(0x00, "id", "what it is: 534C5543, `SLUC` in ASCII"),
    word(0x04, "version", "of the tool that wrote the design: major, minor, patch in bits 31:16, 15:8, 7:0"),
    word(0x08, "model", "the first four bytes of the SHA-256 of the model file, the first one highest"),
    Register {
        offset: 0x0C,
        name: "link",
        fields: &[field("id", 0, 16, Access::Read, "as in the header of every frame")],
        meaning: "which codes are in use",
    },
    Register {
        offset: 0x10,
        name: "control",
        fields: &[
            field("soft_reset", 0, 1, Access::Start, "resets the core for 16 cycles, 1 meanwhile; counters stay"),
            field("clear", 1, 1, Access::Start, "all counters become 0"),
            field("drop", 2, 1, Access::ReadWrite, "events are lost rather than the input stalled"),
        ],
        meaning: "what the core is to do",
    },
    Register {
        offset: 0x14,
        name: "status",
        fields: &[
            field("input_ready", 0, 1, Access::Read, "the input is taken"),
            field("output_waits", 1, 1, Access::Read, "an output beat is not taken"),
            field("in_reset", 2, 1, Access::Read, "the core is in reset"),
        ],
        meaning: "what it does now",
    },
    Register {
        offset: 0x18,
        name: "threshold",
        fields: &[field("value", 0, 16, Access::ReadWrite, "threshold")],
        meaning: "threshold of the core",
    },
    word(0x20, "events_lo", "events taken, low word"),
    word(0x24, "events_hi", "events taken, high word"),
    word(0x28, "words_lo", "output beats, low word"),
    word(0x2C, "words_hi", "output beats, high word"),
    word(0x30, "frames_lo", "frames sent, low word"),
    word(0x34, "frames_hi", "frames sent, high word"),
    word(0x38, "stalls_in_lo", "cycles in which the input was offered and not taken, low word"),
    word(0x3C, "stalls_in_hi", "cycles in which the input was offered and not taken, high word"),
    word(0x40, "stalls_out_lo", "cycles in which the output was offered and not taken, low word"),
    word(0x44, "stalls_out_hi", "cycles in which the output was offered and not taken, high word"),
    word(0x48, "lost_lo", "events lost, low word"),
    word(0x4C, "lost_hi", "events lost, high word"),
    word(0x50, "truncated_lo", "events truncated, low word"),
    word(0x54, "truncated_hi", "events truncated, high word"),
    word(0x58, "crc_errors_lo", "frames with a wrong CRC, low word"),
    word(0x5C, "crc_errors_hi", "frames with a wrong CRC, high word"),
];

/// What a register reads, if that never changes.
fn constant(identity: &Identity, register: &str) -> Option<u32> {
    match register {
        "id" => Some(ID),
        "version" => Some(identity.version),
        "model" => Some(identity.model),
        "link" => Some(identity.link.into()),
        _ => None,
    }
}

/// The map as a page.
pub fn markdown(top: &str, identity: &Identity) -> String {
    let mut rows = String::new();
    for r in REGISTERS {
        let name = r.name.to_uppercase();
        let reads = constant(identity, r.name).map_or(String::new(), |v| format!("; reads `{v:08x}`"));
        let access = if r.writable() { "rw" } else { "ro" };
        let _ = writeln!(rows, "| `{:02X}` | `{name}` | | {access} | {}{reads} |", r.offset, r.meaning);
        for f in r.fields.iter().filter(|f| f.bits < 32) {
            let bits = if f.bits == 1 { f.low.to_string() } else { format!("{}:{}", f.low + f.bits - 1, f.low) };
            let _ = writeln!(rows, "| | `{}` | {bits} | {} | {} |", f.name, f.access.short(), f.meaning);
        }
    }
    fill(include_str!("templates/REGISTERS.md"), &[("top", top), ("rows", &rows)])
}

/// The map for C.
pub fn c_header(top: &str, identity: &Identity) -> String {
    let mut defines = String::new();
    for r in REGISTERS {
        let name = r.name.to_uppercase();
        let access = if r.writable() { "rw" } else { "ro" };
        let _ = writeln!(defines, "#define SLUICE_{name:<30} 0x{:02X}u /* {access}: {} */", r.offset, r.meaning);
        for f in r.fields.iter().filter(|f| f.bits < 32) {
            let field = format!("{name}_{}", f.name.to_uppercase());
            let (mask, access) = (f.mask(), f.access.short());
            let _ = writeln!(
                defines,
                "#define SLUICE_{:<30} 0x{mask:08X}u /* {access}: {} */",
                field.clone() + "_MASK",
                f.meaning
            );
            let _ = writeln!(defines, "#define SLUICE_{:<30} {}", field + "_SHIFT", f.low);
        }
    }
    let constants = REGISTERS.iter().filter_map(|r| Some((r.name.to_uppercase(), constant(identity, r.name)?)));
    let upper = top.to_uppercase();
    let values: String = constants.map(|(name, v)| format!("#define {upper}_{name}_VALUE 0x{v:08X}u\n")).collect();
    let values = [("top", top), ("upper", &upper), ("defines", &defines), ("values", &values)];
    fill(include_str!("templates/registers.h"), &values)
}

/// The map as an IEEE 1685-2014 component.
pub fn ip_xact(top: &str, identity: &Identity) -> String {
    let registers: String = REGISTERS.iter().map(|r| xml_register(r, identity)).collect();
    let values = [
        ("top", top),
        ("version", env!("CARGO_PKG_VERSION")),
        ("range", &format!("0x{RANGE:X}")),
        ("registers", &registers),
    ];
    fill(include_str!("templates/registers.xml"), &values)
}

fn xml_register(r: &Register, identity: &Identity) -> String {
    let constant = constant(identity, r.name);
    let mut text = format!(
        "        <ipxact:register>
          <ipxact:name>{}</ipxact:name>
          <ipxact:description>{}</ipxact:description>
          <ipxact:addressOffset>0x{:X}</ipxact:addressOffset>
          <ipxact:size>32</ipxact:size>
",
        r.name.to_uppercase(),
        escaped(r.meaning),
        r.offset
    );
    if constant.is_none() {
        text += "          <ipxact:volatile>true</ipxact:volatile>\n";
    }
    for f in r.fields {
        let reset = constant.map_or(String::new(), |v| {
            let value = (v & f.mask()) >> f.low;
            format!(
                "
            <ipxact:resets>
              <ipxact:reset>
                <ipxact:value>0x{value:X}</ipxact:value>
              </ipxact:reset>
            </ipxact:resets>"
            )
        });
        // What a write of 1 starts ends by itself.
        let (access, modified) = match f.access {
            Access::Read => ("read-only", ""),
            Access::ReadWrite => ("read-write", ""),
            Access::Start => (
                "read-write",
                "
            <ipxact:modifiedWriteValue>oneToSet</ipxact:modifiedWriteValue>",
            ),
        };
        let _ = write!(
            text,
            "          <ipxact:field>
            <ipxact:name>{}</ipxact:name>
            <ipxact:description>{}</ipxact:description>
            <ipxact:bitOffset>{}</ipxact:bitOffset>{reset}
            <ipxact:bitWidth>{}</ipxact:bitWidth>
            <ipxact:access>{access}</ipxact:access>{modified}
          </ipxact:field>
",
            f.name,
            escaped(f.meaning),
            f.low,
            f.bits
        );
    }
    text + "        </ipxact:register>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
