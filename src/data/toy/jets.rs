//! `jets`: a table of 24 correlated variables with the zeros, repeats, heavy tails and sums of a real jet table.
//!
//! * `pt` (GeV) falls as a power from 3 to 1200; `eta` is flat to |5|, harder jets are more central; `phi` (rad) is flat.
//! * The jet's energy `pt cosh(eta)` is shared by its constituents, more of them in harder jets; each lies about 0.2 from
//!   the axis in pseudorapidity. Within |2.5|, where there is a tracker, a constituent is a charged hadron, photon, neutral
//!   hadron, rarely an electron or a muon; to |3| a photon or neutral hadron; beyond, in the forward calorimeter, one of
//!   its two kinds. Energy (GeV) and number of each kind are columns: many are zero, as nothing of the kind is in the jet.
//! * `mass` (GeV) grows as `pt^0.7`; a jet of one constituent has the mass of a pion. `mJetArea` is counted in ghosts of
//!   0.00997 and thus repeats.
//! * Five columns are sums of others, exactly in float32: `mChargedEmEnergy` = electrons, `mChargedMuEnergy` = muons,
//!   `mNeutralEmEnergy` = photons + forward electromagnetic, and the two multiplicities of charged and neutral kinds.
//!
//! Shapes and shares were set beside the jets of a generator (Pythia 8) in a simple detector: those are a test for this
//! toy, this toy is none for them. All columns are float32.

use super::draw::Draw;
use crate::data::{Column, Values};
use crate::fixed::portable::{exp, ln};

/// Name and unit.
const COLUMNS: [(&str, &str); 24] = [
    ("pt", "GeV"),
    ("eta", "1"),
    ("phi", "rad"),
    ("mass", "GeV"),
    ("mJetArea", "1"),
    ("mChargedHadronEnergy", "GeV"),
    ("mNeutralHadronEnergy", "GeV"),
    ("mPhotonEnergy", "GeV"),
    ("mElectronEnergy", "GeV"),
    ("mMuonEnergy", "GeV"),
    ("mHFHadronEnergy", "GeV"),
    ("mHFEMEnergy", "GeV"),
    ("mChargedHadronMultiplicity", "1"),
    ("mNeutralHadronMultiplicity", "1"),
    ("mPhotonMultiplicity", "1"),
    ("mElectronMultiplicity", "1"),
    ("mMuonMultiplicity", "1"),
    ("mHFHadronMultiplicity", "1"),
    ("mHFEMMultiplicity", "1"),
    ("mChargedEmEnergy", "GeV"),
    ("mChargedMuEnergy", "GeV"),
    ("mNeutralEmEnergy", "GeV"),
    ("mChargedMultiplicity", "1"),
    ("mNeutralMultiplicity", "1"),
];

/// Mass of a charged pion, GeV.
const PION: f64 = 0.13957;
/// Area of a ghost, and that of a round jet with radius 0.5.
const GHOST: f64 = 0.00997;
const ROUND: f64 = 0.785;

/// Kinds of constituents, in the order of their columns.
const CHARGED: usize = 0;
const NEUTRAL: usize = 1;
const PHOTON: usize = 2;
const ELECTRON: usize = 3;
const MUON: usize = 4;
const HF_HADRON: usize = 5;
const HF_EM: usize = 6;

fn kind(eta: f64, u: f64) -> usize {
    let shares: &[(usize, f64)] = if eta.abs() < 2.5 {
        &[(ELECTRON, 0.001), (MUON, 0.0003), (CHARGED, 0.45), (PHOTON, 0.36), (NEUTRAL, 1.0)]
    } else if eta.abs() < 3.0 {
        &[(PHOTON, 0.55), (NEUTRAL, 1.0)]
    } else {
        &[(HF_HADRON, 0.62), (HF_EM, 1.0)]
    };
    let mut left = u;
    for (kind, share) in shares {
        if left < *share {
            return *kind;
        }
        left -= share;
    }
    shares[shares.len() - 1].0
}

fn jet(draw: &mut Draw) -> [f32; 24] {
    let pt = draw.power_law(3.0, 1200.0, 1.2);
    let hardness = ln(pt / 3.0);
    let eta = draw.between(-5.0, 5.0) / (1.0 + 0.25 * hardness * draw.uniform());
    let phi = draw.between(-std::f64::consts::PI, std::f64::consts::PI);
    let energy = pt * 0.5 * (exp(eta) + exp(-eta));

    let n = 1 + draw.poisson(7.0 + 4.0 * hardness);
    let parts: Vec<(usize, f64)> = (0..n)
        .map(|_| {
            // A squared exponential: a few constituents carry most of the energy.
            let share = draw.exponential(1.0);
            (kind(eta + 0.2 * draw.normal(), draw.uniform()), share * share)
        })
        .collect();
    let total: f64 = parts.iter().map(|(_, share)| share).sum();
    let (mut energies, mut counts) = ([0.0f64; 7], [0.0f32; 7]);
    for (kind, share) in &parts {
        energies[*kind] += energy * share / total;
        counts[*kind] += 1.0;
    }
    let mass = if n == 1 { PION } else { PION + 0.42 * exp(0.7 * ln(pt)) * (0.5 + draw.exponential(0.5)) };
    let area = ROUND * (1.0 - 0.25 * draw.exponential(3.0 / pt) + 0.08 * draw.normal());
    let area = (area / GHOST).round_ties_even().max(3.0) * GHOST;

    let mut row = [0.0f32; 24];
    row[..5].copy_from_slice(&[pt, eta, phi, mass, area].map(|x| x as f32));
    row[5..12].copy_from_slice(&energies.map(|x| x as f32));
    row[12..19].copy_from_slice(&counts);
    row[19] = row[5 + ELECTRON];
    row[20] = row[5 + MUON];
    row[21] = row[5 + PHOTON] + row[5 + HF_EM];
    row[22] = counts[CHARGED] + counts[ELECTRON] + counts[MUON];
    row[23] = counts[NEUTRAL] + counts[PHOTON] + counts[HF_HADRON] + counts[HF_EM];
    row
}

/// The columns of `rows` jets.
pub fn columns(rows: usize, draw: &mut Draw) -> Vec<Column> {
    let mut values = vec![Vec::with_capacity(rows); COLUMNS.len()];
    for _ in 0..rows {
        values.iter_mut().zip(jet(draw)).for_each(|(column, x)| column.push(x));
    }
    let column = |((name, unit), v): (&(&str, &str), Vec<f32>)| Column {
        name: (*name).to_owned(),
        unit: (*unit).to_owned(),
        shape: Vec::new(),
        values: Values::F32(v),
    };
    COLUMNS.iter().zip(values).map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize) -> Vec<Vec<f32>> {
        let take = |c: Column| match c.values {
            Values::F32(v) => v,
            other => panic!("{}", other.dtype()),
        };
        columns(rows, &mut Draw::new(1)).into_iter().map(take).collect()
    }

    #[test]
    fn sums_hold_exactly_and_the_parts_share_the_energy() {
        let t = table(5000);
        for r in 0..5000 {
            let at = |c: usize| t[c][r];
            assert_eq!((at(19), at(20), at(21)), (at(8), at(9), at(7) + at(11)), "row {r}");
            assert_eq!(at(22), at(12) + at(15) + at(16), "row {r}");
            assert_eq!(at(23), at(13) + at(14) + at(17) + at(18), "row {r}");
            let parts: f64 = (5..12).map(|c| f64::from(at(c))).sum();
            let energy = f64::from(at(0)) * f64::from(at(1)).cosh();
            assert!((parts / energy - 1.0).abs() < 1e-5, "row {r}: {parts} {energy}");
            for kind in 0..7 {
                assert_eq!(at(5 + kind) > 0.0, at(12 + kind) > 0.0, "row {r}, kind {kind}");
            }
        }
    }

    #[test]
    fn ranges_zeros_repeats_and_tails_are_those_of_a_jet_table() {
        let t = table(20_000);
        let n = 20_000.0;
        assert!(t[0].iter().all(|x| (3.0..=1200.0).contains(x)), "pt");
        assert!(t[1].iter().all(|x| x.abs() < 5.0), "eta");
        assert!(t[2].iter().all(|x| x.abs() <= std::f32::consts::PI), "phi");
        let zeros = t.iter().flatten().filter(|x| **x == 0.0).count() as f64 / (24.0 * n);
        // 47 % in the generator's jets.
        assert!((0.42..0.52).contains(&zeros), "zeros {zeros}");
        let electrons = t[15].iter().filter(|x| **x > 0.0).count() as f64 / n;
        assert!((0.001..0.02).contains(&electrons), "jets with electrons {electrons}");
        let mut areas: Vec<u32> = t[4].iter().map(|x| x.to_bits()).collect();
        areas.sort_unstable();
        areas.dedup();
        assert!(areas.len() < 150, "{} areas", areas.len());
        // Heavy tail: the largest momentum is far beyond the bulk.
        let mut pt = t[0].clone();
        pt.sort_by(f32::total_cmp);
        assert!(pt[19_999] > 50.0 * pt[10_000], "{} {}", pt[19_999], pt[10_000]);
        // Correlation: hard jets have more constituents and a larger mass.
        let mean = |column: usize, hard: bool| {
            let rows: Vec<usize> = (0..20_000).filter(|r| (t[0][*r] > 50.0) == hard).collect();
            rows.iter().map(|r| f64::from(t[column][*r])).sum::<f64>() / rows.len() as f64
        };
        assert!(mean(22, true) > 1.5 * mean(22, false) && mean(3, true) > 5.0 * mean(3, false));
    }
}
