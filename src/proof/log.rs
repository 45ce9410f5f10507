//! What Yosys says of the operations that it was asked to compare, layer by layer.

use std::collections::BTreeSet;

use super::certificate::LayerProof;
use super::steps::Point;

/// Said before a layer, and when it is done.
pub(super) const BEGIN: &str = "sluice: layer";
pub(super) const END: &str = "sluice: end of layer";

/// Points, those shown equal and seconds of each layer, without its name; and the names of those that are not equal. `log` has
/// time stamps, and may end anywhere.
pub(super) fn layers(log: &str, points: &[Point], layers: usize) -> (Vec<LayerProof>, BTreeSet<String>) {
    let mut found = vec![LayerProof::default(); layers];
    let mut asked = vec![0; layers];
    for p in points {
        found[p.layer].points += 1;
        asked[p.layer] += p.bits;
    }
    let (mut layer, mut since) = (None, 0.0);
    // Points of the layer that were begun, in order, and those that failed.
    let (mut begun, mut failed) = (Vec::new(), BTreeSet::new());
    let mut unequal = BTreeSet::new();
    // Comparisons that Yosys knows of in the layer.
    let mut cells = 0;
    let lines = log.lines().filter_map(|l| l.strip_prefix('[')?.split_once("] "));
    let mut close =
        |layer: Option<usize>, begun: &[String], failed: &BTreeSet<String>, cells: Option<u32>, seconds: f64| {
            let Some((at, l)) = layer.and_then(|at: usize| Some((at, found.get_mut(at)?))) else { return };
            l.seconds = seconds;
            l.proved = match cells {
                Some(cells) if cells == asked[at] => l.points - failed.len().min(l.points),
                Some(_) => 0,
                // The last one may not be over.
                None => begun.iter().rev().skip(1).filter(|b| !failed.contains(*b)).count(),
            };
        };
    let mut now = 0.0;
    for (time, line) in lines {
        now = time.trim().parse().unwrap_or(now);
        let line = line.trim();
        if let Some(l) = line.strip_prefix(BEGIN) {
            (layer, since) = (l.trim().parse().ok(), now);
            begun.clear();
            failed.clear();
            cells = 0;
        } else if line.starts_with(END) {
            close(layer.take(), &begun, &failed, Some(cells), now - since);
            unequal.append(&mut failed);
        } else if let Some((number, _)) = line.strip_prefix("Found ").and_then(|l| l.split_once(" $equiv cells in ")) {
            cells = number.parse().unwrap_or(0);
        } else if let Some((_, rest)) = line.split_once("Trying to prove $equiv for \\") {
            let name = rest.split([' ', ':']).next().unwrap_or("").to_owned();
            if begun.last() != Some(&name) {
                begun.push(name);
            }
        } else if let Some((_, rest)) = line.split_once("Unproven $equiv ") {
            // A cell is called after its point: `\e2_same_17_3: ...`.
            let cell = rest.split([':', ' ']).next().unwrap_or("");
            if let Some((name, _)) = cell.split_once('_').and_then(|(_, name)| name.rsplit_once('_')) {
                failed.insert(name.to_owned());
            }
        }
    }
    close(layer, &begun, &failed, None, now - since);
    (found, unequal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_proved_until_the_log_ends_is_counted() {
        let point = |layer, node| Point { layer, node, name: format!("same_{node}"), bits: 2 };
        let points = [point(0, 1), point(1, 2), point(1, 30), point(1, 31), point(2, 4), point(2, 5), point(2, 6)];
        let tried = |s: &str, bits: &str| format!("[{s}]   Trying to prove $equiv for \\{bits}: success!\n");
        let log = [
            format!("[00001.000000] {BEGIN} 0\n[00001.200000] Found 2 $equiv cells in top:\n[00001.250000] {END} 0\n"),
            format!("[00002.000000] {BEGIN} 1\n[00002.050000] Found 6 unproven $equiv cells (3 groups) in top:\n"),
            tried("00002.100000", "same_2") + &tried("00003.000000", "same_30 [1]"),
            "[00003.500000] Found 6 $equiv cells in top:\n".to_owned(),
            "[00003.500000]     Unproven $equiv e1_same_30_1: \\a30 [1] \\b30 [1]\n".to_owned(),
            format!("[00004.500000] {END} 1\n[00005.000000] {BEGIN} 2\n"),
            tried("00005.100000", "same_4 [0]") + &tried("00005.200000", "same_4 [1]"),
            tried("00005.700000", "same_5 [0]"),
        ];
        let (found, unequal) = layers(&log.concat(), &points, 3);
        let counts: Vec<_> = found.iter().map(|l| (l.points, l.proved)).collect();
        assert_eq!(counts, [(1, 1), (3, 2), (3, 1)]);
        assert_eq!(unequal.into_iter().collect::<Vec<_>>(), ["same_30"]);
        // Comparisons that Yosys does not know of were not made.
        let (found_less, _) = layers(&log.concat().replace("Found 2 ", "Found 1 "), &points, 3);
        assert_eq!((found_less[0].proved, found_less[1].proved), (0, 2));
        assert!((found[1].seconds - 2.5).abs() < 1e-6 && (found[2].seconds - 0.7).abs() < 1e-6);
    }
}
