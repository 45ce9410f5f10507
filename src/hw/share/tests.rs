use proptest::prelude::*;

use super::*;

/// The coefficients over the leaves that a solution's rows have.
fn forms(problem: &Problem, solution: &Solution) -> Vec<Vec<i64>> {
    let n = problem.leaves.len();
    let mut values: Vec<Vec<i64>> = (0..n).map(|i| (0..n).map(|j| i64::from(i == j)).collect()).collect();
    let sum = |values: &[Vec<i64>], terms: &[(usize, i64)]| {
        let mut form = vec![0; n];
        for (v, c) in terms {
            values[*v].iter().zip(&mut form).for_each(|(f, to)| *to += c * f);
        }
        form
    };
    for node in &solution.nodes {
        let form = sum(&values, node);
        values.push(form);
    }
    solution.rows.iter().map(|r| sum(&values, r)).collect()
}

fn problem(matrix: &[Vec<i64>], width: u32) -> Problem {
    let leaf = Leaf { low: -(1 << (width - 1)), high: (1 << (width - 1)) - 1 };
    let n = matrix.first().map_or(0, Vec::len);
    let row = |r: &Vec<i64>| {
        let terms = r.iter().copied().enumerate().filter(|t| t.1 != 0).collect();
        Goal { terms, constant: r.iter().sum::<i64>() % 7 }
    };
    Problem { leaves: vec![leaf; n], rows: matrix.iter().map(row).collect(), slack: 1 }
}

fn matrix(rows: usize, columns: usize, seed: u64) -> Vec<Vec<i64>> {
    let entry = |r: usize, c: usize| {
        let x = greedy::mix(seed + (r * 1000 + c) as u64);
        if x.is_multiple_of(3) { 0 } else { (x >> 20) as i64 % 31 }
    };
    (0..rows).map(|r| (0..columns).map(|c| entry(r, c)).collect()).collect()
}

const SMALL: Budget = Budget { restarts: 3, chains: 2, short: 300, long: 300, seed: 1 };

#[test]
fn solutions_are_the_matrix_and_repeat() {
    let m = matrix(8, 10, 5);
    let p = problem(&m, 8);
    let found = solve(&p, SMALL);
    assert_eq!(forms(&p, &found), m);
    assert_eq!(found, solve(&p, SMALL));
    let plain = solve(&p, Budget { restarts: 0, chains: 0, short: 0, long: 0, seed: 1 });
    let none = Solution::of(&State::new(&p, None));
    assert!(found.bits < plain.bits && plain.bits < none.bits, "{} {} {}", found.bits, plain.bits, none.bits);
}

#[test]
fn a_change_taken_back_leaves_no_trace() {
    let p = problem(&matrix(6, 8, 9), 8);
    let start = Solution::of(&search::greedy(&p, Taste::PLAIN));
    let mut state = State::new(&p, Some(&start));
    assert_eq!(state.bits, start.bits);
    let counts = |s: &State| {
        let mut all = s.counts.all();
        all.sort_unstable();
        all
    };
    let before = counts(&state);
    for n in 0..state.live.len() {
        state.inline(state.live[n % state.live.len()]);
        state.inline(state.live[n % state.live.len()]);
        greedy::extract(&mut state, Taste { noise: 1.0, seed: n as u64, ..Taste::PLAIN }, &mut Default::default());
        let mut nodes = state.disturbed();
        state.tidy(&mut nodes);
        state.settle();
        state.undo();
        assert_eq!((state.bits, counts(&state)), (start.bits, before.clone()));
        assert_eq!(Solution::of(&state).rows.len(), start.rows.len());
        assert_eq!(Solution::of(&state).bits, State::new(&p, Some(&Solution::of(&state))).bits);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_matrix(m in prop::collection::vec(prop::collection::vec(-300i64..300, 5), 1..6)) {
        let p = problem(&m, 6);
        let found = solve(&p, Budget { restarts: 1, chains: 1, short: 50, long: 50, seed: 3 });
        prop_assert_eq!(forms(&p, &found), m);
    }
}
