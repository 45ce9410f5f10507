//! Sums that a synthesis tool must not merge.
//!
//! A sum that is read by one other sum alone, and whole, becomes part of it in Yosys (`alumacc`): the two carry chains turn
//! into a carry-save tree, with more lookup tables and one more level of them before the chain. It does not do so if a bit of
//! the sum is read twice. So the highest bit `t` of such a sum is handed on as `t & (t | u)`, which is `t`: mappers absorb it,
//! nearly always. Where nothing would be merged it would cost lookup tables, so it is done only where an operand is exactly the
//! carry chain of a sum.

use crate::hw::{Op, StageGraph, Target};

/// Sums with one reader, which is a sum of the same rank; none on the AMD families, where Yosys maps the logic around separate
/// chains into wide multiplexers and so into more lookup tables (jet24 at 120 MHz: 9 %).
pub(super) fn lone(graph: &StageGraph, target: Target) -> Vec<bool> {
    if matches!(target, Target::Xcup | Target::Xc7) {
        return vec![false; graph.nodes.len()];
    }
    let is_sum = |id: usize| matches!(graph.nodes[id].op, Op::Add { .. });
    let mut readers = vec![0u32; graph.nodes.len()];
    for (id, node) in graph.nodes.iter().enumerate() {
        for a in node.op.operands() {
            // A reader that is no sum, or a rank later, is as good as two.
            readers[a] += if is_sum(id) && node.rank == graph.nodes[a].rank { 1 } else { 2 };
        }
    }
    graph.outputs().into_iter().for_each(|o| readers[o] += 2);
    (0..graph.nodes.len()).map(|id| is_sum(id) && readers[id] == 1 && graph.nodes[id].width() > 1).collect()
}

/// The bits of a lone sum as they are handed on.
pub(super) fn handed_on(name: &str, width: u32) -> String {
    let rest = if width == 2 { format!("{name}[0]") } else { format!("{name}[{}:0]", width - 2) };
    let top = width - 1;
    format!("{{{name}[{top}] & ({name}[{top}] | {name}[{}]), {rest}}}", top - 1)
}
