//! What a design has before any technology is chosen: adders, their bits, register bits, and what becomes of the adders.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Word-level counts, after constants were folded and every operator was reduced to the bits that it needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WordCounts {
    /// Sums, differences, negations and comparisons.
    pub adders: u64,
    /// The sum of their widths.
    pub adder_bits: u64,
    /// Bits of all registers.
    pub register_bits: u64,
    /// Carry chains that Yosys makes of the adders.
    pub alu: u64,
    /// Carry-save trees that it makes of two or more adders each: lookup tables that the adders alone would not need.
    pub macc: u64,
}

/// The commands; `stat.json` has the operators, `merged.json` what `alumacc` makes of them.
pub(super) fn script(top: &str) -> String {
    format!(
        "hierarchy -top {top}; proc; flatten; opt_expr -fine; opt_clean; opt -full; wreduce; opt_expr -fine; opt -full; \
         tee -q -o stat.json stat -json -width; alumacc; tee -q -o merged.json stat -json"
    )
}

/// Sums up cells by kind, where `$add_9` is an adder of nine bits.
pub(super) fn count(cells: &BTreeMap<String, u64>, merged: &BTreeMap<String, u64>) -> WordCounts {
    let mut counts = WordCounts::default();
    for (kind, n) in cells {
        let mut parts = kind.trim_start_matches('$').split('_');
        let name = parts.next().unwrap_or("");
        let width: u64 = parts.next().and_then(|w| w.parse().ok()).unwrap_or(1);
        match name {
            "add" | "sub" | "neg" | "lt" | "le" | "gt" | "ge" | "alu" | "macc" => {
                counts.adders += n;
                counts.adder_bits += n * width;
            }
            name if name.contains("dff") => counts.register_bits += n * width,
            _ => {}
        }
    }
    counts.alu = merged.get("$alu").copied().unwrap_or(0);
    counts.macc = merged.get("$macc").copied().unwrap_or(0);
    counts
}
