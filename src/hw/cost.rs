//! What each layer of a graph is built of.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::delay::Target;
use super::graph::{Op, StageGraph};

/// The hardware of one layer, or of the input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LayerCost {
    /// The layer's name; `x` for the input.
    pub name: String,
    /// Two-operand adders.
    pub adders: usize,
    /// Full adders in them.
    pub adder_bits: u64,
    /// Flip-flops that hold values of the layer, of its inner sums and its outputs.
    pub register_bits: u64,
    /// Adders one after the other, at most.
    pub depth: u32,
    /// Elements that are looked up, each with its own table in hardware.
    pub tables: usize,
    /// Output bits of them.
    pub table_bits: u64,
    /// Two-operand maxima.
    pub maxima: usize,
    /// Lookup tables, estimated for the family; `sluice synth` measures them.
    pub lut: u64,
}

/// One entry a tensor of the graph, in order; the sums over them are those of the whole graph.
pub fn layer_costs(graph: &StageGraph, target: Target) -> Vec<LayerCost> {
    let mut costs: Vec<LayerCost> =
        graph.tensors.iter().map(|t| LayerCost { name: t.name.clone(), ..Default::default() }).collect();
    let mut depth = vec![0u32; graph.nodes.len()];
    let registers = graph.register_bits_by_node();
    for (id, node) in graph.nodes.iter().enumerate() {
        let add = matches!(node.op, Op::Add { .. });
        let inside = node.op.operands().into_iter().filter(|a| graph.nodes[*a].layer == node.layer);
        depth[id] = inside.map(|a| depth[a]).max().unwrap_or(0) + u32::from(add);
        if let Some(cost) = costs.get_mut(node.layer) {
            cost.adders += usize::from(add);
            cost.lut += graph.luts(id, target);
            cost.adder_bits += graph.adder_bits_of(id);
            cost.register_bits += registers[id];
            cost.depth = cost.depth.max(depth[id]);
            if let Op::Table { .. } = node.op {
                (cost.tables, cost.table_bits) = (cost.tables + 1, cost.table_bits + u64::from(node.width()));
            }
            cost.maxima += usize::from(matches!(node.op, Op::Max { .. }));
        }
    }
    costs
}

impl fmt::Display for LayerCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} adders, {} adder bits, about {} LUT, {} register bits, depth {}",
            self.name, self.adders, self.adder_bits, self.lut, self.register_bits, self.depth
        )?;
        if self.tables > 0 {
            write!(f, ", {} tables of {} bits", self.tables, self.table_bits)?;
        }
        if self.maxima > 0 {
            write!(f, ", {} maxima", self.maxima)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hw::parse;

    #[test]
    fn layers_add_up_to_the_graph_and_depth_counts_adders_of_one_layer() {
        let graph = parse(
            "stage latency 2
input fixed<4,4> fixed<4,4>
n0 = input 0 : [-8, 7] x @0
n1 = input 1 : [-8, 7] x @0
n2 = n0<<0 + n1<<1 h @0
n3 = n2<<0 + n0<<2 h @0
n4 = requantize n3 >>1 truncate saturate fixed<5,5> h @0
n5 = n4<<0 - n1<<0 y @1
n6 = requantize n5 >>0 truncate saturate fixed<6,6> y @1
tensor x = n0 n1
tensor h = n4
tensor y = n6
output fixed<6,6>
",
        )
        .unwrap();
        let costs = layer_costs(&graph, Target::Ecp5);
        let row = |name: &str, adders, adder_bits, lut, register_bits, depth| LayerCost {
            name: name.into(),
            adders,
            adder_bits,
            lut,
            register_bits,
            depth,
            ..Default::default()
        };
        // n2: [-24, 21], 6 bits, the lowest passes through; n3: [-56, 49], 7 bits, two pass; n5: [-23, 23], 6 bits.
        // Across the cut go n1 (4 bits) and n4 (5 bits), to the port n6 (6 bits).
        // Carry cells of two bits: n2, n3 and n5 six bits each; n4 a table that sees the overflow, and five.
        assert_eq!(costs, [row("x", 0, 0, 0, 4, 0), row("h", 2, 10, 18, 5, 2), row("y", 1, 6, 6, 6, 1)]);
        assert_eq!(costs.iter().map(|c| c.adder_bits).sum::<u64>(), graph.adder_bits());
        assert_eq!(costs.iter().map(|c| c.register_bits).sum::<u64>(), graph.register_bits());
        assert_eq!(costs[1].to_string(), "h: 2 adders, 10 adder bits, about 18 LUT, 5 register bits, depth 2");
    }
}
