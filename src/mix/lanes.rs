//! What a mixer does with all its inputs at once, eight lanes at a time: as loops, and in vectors of AVX2.
//!
//! The same integers come out of both. Loops alone will not do: compilers take them apart before they look for vectors.

use super::counter::{self, Counter};
use super::logistic::LARGEST;

/// Eight numbers, one a lane.
pub type Eight = [i32; 8];

/// The weight 1.
pub const ONE: i32 = 1 << 16;
const LARGEST_WEIGHT: i32 = 8 * ONE;
/// Of a linear predictor, with 12 bits behind the point.
pub const LARGEST_TAP: i32 = 1 << 20;
/// A sum is of products with weights of this many bits less, and has [`SUM_BITS`] behind the point.
const WEIGHT_BITS: i32 = 6;
const SUM_BITS: i32 = 10;
/// Of the product of an input and an error, when a weight moves by it.
const STEP_BITS: i32 = 14;

/// Parts of a logit that are believed of a counter that has seen so many decisions, in 256ths; beyond them [`MANY`].
const TRUST: Eight = [0, 150, 190, 215, 225, 240, 240, 240];
const SURE: i32 = 256;
/// Counters that have seen as much as this are believed more than they say.
const MANY: i32 = 32;
const SURER: i32 = 272;
/// A counter whose logit is believed as it is.
pub const BELIEVED: Counter = 16;
/// Decisions above which a counter has seen some.
const SOME: i32 = 3;

/// What a counter tells of how much it has seen (nothing, little, some, much), a bit of each lane in either number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    pub low: u32,
    pub high: u32,
}

/// How lanes are computed with.
pub trait Lanes: Copy {
    /// Three sums of inputs times weights, within [`LARGEST`].
    fn sums<const V: usize>(self, inputs: &[Eight; V], weights: [&[Eight; V]; 3]) -> [i32; 3];

    /// Moves weights along their inputs.
    fn learn(self, weights: &mut Eight, inputs: &Eight, error: i32);

    /// Logits as far as they are believed, and what their counters tell; 0 in lanes that are not there.
    fn believed(self, logits: Eight, counters: [Counter; 8], present: Eight) -> (Eight, News);

    /// Counters that have all seen `bit`.
    fn count(self, counters: [Counter; 8], bit: bool) -> [Counter; 8];

    /// The sum of products, all 64 bits of it.
    fn products<const V: usize>(self, a: &[Eight; V], b: &[Eight; V]) -> i64;

    /// Moves taps by a step along the signs of their inputs, within [`LARGEST_TAP`].
    fn nudge<const V: usize>(self, taps: &mut [Eight; V], inputs: &[Eight; V], step: i32);

    /// Puts a number before the others; the last one is gone.
    fn push<const V: usize>(self, numbers: &mut [Eight; V], first: i32);
}

/// Lane by lane.
#[derive(Clone, Copy)]
pub struct Plain;

impl Lanes for Plain {
    #[inline(always)]
    fn sums<const V: usize>(self, inputs: &[Eight; V], weights: [&[Eight; V]; 3]) -> [i32; 3] {
        weights.map(|weights| {
            let pairs = inputs.as_flattened().iter().zip(weights.as_flattened());
            let sum = pairs.fold(0i32, |sum, (i, w)| sum.wrapping_add(i.wrapping_mul(w >> WEIGHT_BITS)));
            (sum >> SUM_BITS).clamp(-LARGEST, LARGEST)
        })
    }

    #[inline(always)]
    fn learn(self, weights: &mut Eight, inputs: &Eight, error: i32) {
        for (weight, input) in weights.iter_mut().zip(inputs) {
            let step = input.wrapping_mul(error).wrapping_add(1 << (STEP_BITS - 1)) >> STEP_BITS;
            *weight = weight.wrapping_add(step).clamp(-LARGEST_WEIGHT, LARGEST_WEIGHT);
        }
    }

    #[inline(always)]
    fn believed(self, mut logits: Eight, counters: [Counter; 8], present: Eight) -> (Eight, News) {
        let mut news = News { low: 0, high: 0 };
        for (k, (logit, counter)) in logits.iter_mut().zip(counters).enumerate() {
            let count = counter::count(counter) as i32 & present[k];
            let trust = match count {
                0..8 => TRUST[count as usize],
                8..MANY => SURE,
                _ => SURER,
            };
            *logit = logit.wrapping_mul(trust) >> 8;
            news.low |= u32::from((count > 0) ^ (count > SOME) ^ (count >= MANY)) << k;
            news.high |= u32::from(count > SOME) << k;
        }
        (logits, news)
    }

    #[inline(always)]
    fn count(self, counters: [Counter; 8], bit: bool) -> [Counter; 8] {
        counters.map(|mut counter| {
            counter::learn(&mut counter, bit);
            counter
        })
    }

    #[inline(always)]
    fn products<const V: usize>(self, a: &[Eight; V], b: &[Eight; V]) -> i64 {
        let pairs = a.as_flattened().iter().zip(b.as_flattened());
        pairs.fold(0i64, |sum, (a, b)| sum.wrapping_add(i64::from(*a).wrapping_mul(i64::from(*b))))
    }

    #[inline(always)]
    fn nudge<const V: usize>(self, taps: &mut [Eight; V], inputs: &[Eight; V], step: i32) {
        for (tap, input) in taps.as_flattened_mut().iter_mut().zip(inputs.as_flattened()) {
            let moved = tap.wrapping_add(step.wrapping_mul(input.signum()));
            *tap = moved.clamp(-LARGEST_TAP, LARGEST_TAP);
        }
    }

    #[inline(always)]
    fn push<const V: usize>(self, numbers: &mut [Eight; V], first: i32) {
        let numbers = numbers.as_flattened_mut();
        numbers.copy_within(..numbers.len() - 1, 1);
        numbers[0] = first;
    }
}

#[cfg(target_arch = "x86_64")]
pub use self::avx2::Avx2;

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::__m256i;

    use pulp::cast;
    use pulp::x86::V3;

    use super::*;

    /// Vectors of 256 bits.
    #[derive(Clone, Copy)]
    pub struct Avx2(pub V3);

    impl Avx2 {
        #[inline(always)]
        fn all(self, x: i32) -> __m256i {
            self.0.avx._mm256_set1_epi32(x)
        }

        /// Lanes above a limit.
        #[inline(always)]
        fn over(self, x: __m256i, limit: i32) -> __m256i {
            self.0.avx2._mm256_cmpgt_epi32(x, self.all(limit))
        }

        /// A bit of each lane of a mask.
        #[inline(always)]
        fn bits(self, mask: __m256i) -> u32 {
            self.0.avx._mm256_movemask_ps(cast(mask)).cast_unsigned()
        }
    }

    impl Lanes for Avx2 {
        #[inline(always)]
        fn sums<const V: usize>(self, inputs: &[Eight; V], weights: [&[Eight; V]; 3]) -> [i32; 3] {
            let V3 { sse2, sse4_1, avx, avx2, .. } = self.0;
            let mut all = [self.all(0); 3];
            for v in 0..V {
                // Both factors have 16 bits: the upper half of a lane is made 0 in one of them.
                let input = avx2._mm256_and_si256(cast(inputs[v]), self.all(0xffff));
                for k in 0..3 {
                    let weight = avx2._mm256_srai_epi32::<WEIGHT_BITS>(cast(weights[k][v]));
                    all[k] = avx2._mm256_add_epi32(all[k], avx2._mm256_madd_epi16(input, weight));
                }
            }
            let [a, b, c] = all;
            let pairs = avx2._mm256_hadd_epi32(avx2._mm256_hadd_epi32(a, b), avx2._mm256_hadd_epi32(c, c));
            let (low, high) = (avx._mm256_castsi256_si128(pairs), avx2._mm256_extracti128_si256::<1>(pairs));
            let sums = sse2._mm_srai_epi32::<SUM_BITS>(sse2._mm_add_epi32(low, high));
            let least = sse4_1._mm_max_epi32(sums, sse2._mm_set1_epi32(-LARGEST));
            let [a, b, c, _]: [i32; 4] = cast(sse4_1._mm_min_epi32(least, sse2._mm_set1_epi32(LARGEST)));
            [a, b, c]
        }

        #[inline(always)]
        fn learn(self, weights: &mut Eight, inputs: &Eight, error: i32) {
            let avx2 = self.0.avx2;
            let product = avx2._mm256_mullo_epi32(cast(*inputs), self.all(error));
            let rounded = avx2._mm256_add_epi32(product, self.all(1 << (STEP_BITS - 1)));
            let moved = avx2._mm256_add_epi32(cast(*weights), avx2._mm256_srai_epi32::<STEP_BITS>(rounded));
            let least = avx2._mm256_max_epi32(moved, self.all(-LARGEST_WEIGHT));
            *weights = cast(avx2._mm256_min_epi32(least, self.all(LARGEST_WEIGHT)));
        }

        #[inline(always)]
        fn believed(self, logits: Eight, counters: [Counter; 8], present: Eight) -> (Eight, News) {
            let avx2 = self.0.avx2;
            let counts = avx2._mm256_and_si256(cast(counters), self.all(counter::COUNT as i32));
            let counts = avx2._mm256_and_si256(counts, cast(present));
            let few = avx2._mm256_permutevar8x32_epi32(cast(TRUST), counts);
            let [any, some, many] = [self.over(counts, 0), self.over(counts, SOME), self.over(counts, MANY - 1)];
            let trust = avx2._mm256_blendv_epi8(few, self.all(SURE), self.over(counts, TRUST.len() as i32 - 1));
            let trust = avx2._mm256_blendv_epi8(trust, self.all(SURER), many);
            let believed = avx2._mm256_srai_epi32::<8>(avx2._mm256_mullo_epi32(cast(logits), trust));
            let low = avx2._mm256_xor_si256(avx2._mm256_xor_si256(any, some), many);
            (cast(believed), News { low: self.bits(low), high: self.bits(some) })
        }

        #[inline(always)]
        fn count(self, counters: [Counter; 8], bit: bool) -> [Counter; 8] {
            let V3 { avx, avx2, .. } = self.0;
            let half = self.all(counter::HALF.cast_signed());
            let counters = cast(counters);
            let count = avx2._mm256_and_si256(counters, self.all(counter::COUNT as i32));
            // The quotient is at least a 10,000th away from the next whole number, more than a float is off.
            let parts = avx2._mm256_add_epi32(avx2._mm256_mullo_epi32(count, self.all(10)), self.all(16));
            let share = avx._mm256_div_ps(avx._mm256_set1_ps(counter::WHOLE as f32), avx._mm256_cvtepi32_ps(parts));
            let share = avx._mm256_cvttps_epi32(share);
            let p = avx2._mm256_srli_epi32::<10>(avx2._mm256_xor_si256(counters, half));
            let distance = avx2._mm256_sub_epi32(self.all(counter::goal(bit)), p);
            let moved = avx2._mm256_mullo_epi32(avx2._mm256_srai_epi32::<6>(distance), share);
            let p = avx2._mm256_add_epi32(p, avx2._mm256_srai_epi32::<9>(moved));
            let more = avx2._mm256_add_epi32(count, self.all(1));
            let count = avx2._mm256_min_epi32(more, self.all(counter::LIMIT as i32));
            let p = avx2._mm256_xor_si256(avx2._mm256_slli_epi32::<10>(p), half);
            cast(avx2._mm256_or_si256(p, count))
        }

        #[inline(always)]
        fn products<const V: usize>(self, a: &[Eight; V], b: &[Eight; V]) -> i64 {
            let V3 { sse2, avx, avx2, .. } = self.0;
            let mut sum = self.all(0);
            for v in 0..V {
                let (a, b) = (cast(a[v]), cast(b[v]));
                let odd = avx2._mm256_mul_epi32(avx2._mm256_srli_epi64::<32>(a), avx2._mm256_srli_epi64::<32>(b));
                sum = avx2._mm256_add_epi64(sum, avx2._mm256_add_epi64(avx2._mm256_mul_epi32(a, b), odd));
            }
            let (low, high) = (avx._mm256_castsi256_si128(sum), avx2._mm256_extracti128_si256::<1>(sum));
            let [a, b]: [i64; 2] = cast(sse2._mm_add_epi64(low, high));
            a.wrapping_add(b)
        }

        #[inline(always)]
        fn nudge<const V: usize>(self, taps: &mut [Eight; V], inputs: &[Eight; V], step: i32) {
            let avx2 = self.0.avx2;
            for v in 0..V {
                let step = avx2._mm256_sign_epi32(self.all(step), cast(inputs[v]));
                let moved = avx2._mm256_add_epi32(cast(taps[v]), step);
                let least = avx2._mm256_max_epi32(moved, self.all(-LARGEST_TAP));
                taps[v] = cast(avx2._mm256_min_epi32(least, self.all(LARGEST_TAP)));
            }
        }

        #[inline(always)]
        fn push<const V: usize>(self, numbers: &mut [Eight; V], first: i32) {
            let avx2 = self.0.avx2;
            let mut before = self.all(first);
            for v in 0..V {
                // All move up by a lane, the last one to the front, from where the next vector takes it.
                let moved = avx2._mm256_permutevar8x32_epi32(cast(numbers[v]), cast([7, 0, 1, 2, 3, 4, 5, 6]));
                numbers[v] = cast(avx2._mm256_blend_epi32::<1>(moved, before));
                before = moved;
            }
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
macro_rules! with_lanes {
    ($lanes:ident => $work:expr) => {{
        let $lanes = $crate::mix::lanes::Plain;
        $work
    }};
}

/// Runs an expression with the widest lanes of this machine by the name given, and what is inlined into it with its vectors.
#[cfg(target_arch = "x86_64")]
macro_rules! with_lanes {
    ($lanes:ident => $work:expr) => {
        'done: {
            if let Some(v3) = $crate::mix::lanes::v3() {
                let $lanes = $crate::mix::lanes::Avx2(v3);
                let once = $crate::mix::lanes::Once;
                break 'done v3.vectorize(
                    #[inline(always)]
                    || {
                        once.spend();
                        $work
                    },
                );
            }
            let $lanes = $crate::mix::lanes::Plain;
            $work
        }
    };
}
pub(super) use with_lanes;

/// What a closure spends that is called once only. Others are called through a shim, which is not inlined: what they do would
/// be done without vectors.
#[cfg(target_arch = "x86_64")]
pub struct Once;

#[cfg(target_arch = "x86_64")]
impl Once {
    #[inline(always)]
    pub fn spend(self) {}
}

/// Whether this machine has vectors of AVX2 and may use them.
#[cfg(target_arch = "x86_64")]
pub fn v3() -> Option<pulp::x86::V3> {
    #[cfg(test)]
    if super::tests::PLAIN.get() {
        return None;
    }
    pulp::x86::V3::try_new()
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn eight(range: std::ops::RangeInclusive<i32>) -> impl Strategy<Value = Eight> {
        prop::array::uniform8(range)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn vectors_give_what_loops_give(
            inputs in [eight(-2992..=2992), eight(-2992..=2992)],
            weights in prop::array::uniform3([eight(-LARGEST_WEIGHT..=LARGEST_WEIGHT), eight(-LARGEST_WEIGHT..=LARGEST_WEIGHT)]),
            numbers in [eight(i32::MIN..=i32::MAX), eight(-2..=2)],
            error in -147_456..=147_456,
            counters in prop::array::uniform8(any::<u32>().prop_map(|c| {
                // All counts, also the few and those at the limit.
                let count = match c & 3 { 0 => (c >> 2) & 63, _ => (c & counter::COUNT).min(counter::LIMIT) };
                (c & !counter::COUNT) | count
            })),
            present in prop::array::uniform8(prop_oneof![Just(0), Just(-1)]),
            bit in any::<bool>(),
        ) {
            let Some(v3) = pulp::x86::V3::try_new() else { return Ok(()) };
            let fast = Avx2(v3);
            let sets = [&weights[0], &weights[1], &weights[2]];
            prop_assert_eq!(fast.sums(&inputs, sets), Plain.sums(&inputs, sets));
            let (mut a, mut b) = (weights[0][0], weights[0][0]);
            fast.learn(&mut a, &inputs[0], error);
            Plain.learn(&mut b, &inputs[0], error);
            prop_assert_eq!(a, b);
            prop_assert_eq!(fast.believed(inputs[1], counters, present), Plain.believed(inputs[1], counters, present));
            prop_assert_eq!(fast.count(counters, bit), Plain.count(counters, bit));
            prop_assert_eq!(fast.products(&numbers, &weights[0]), Plain.products(&numbers, &weights[0]));
            let (mut a, mut b) = (weights[1], weights[1]);
            fast.nudge(&mut a, &numbers, error);
            Plain.nudge(&mut b, &numbers, error);
            prop_assert_eq!(a, b);
            fast.push(&mut a, error);
            Plain.push(&mut b, error);
            prop_assert_eq!(a, b);
        }
    }

    #[test]
    fn every_share_is_that_of_the_table() {
        let Some(v3) = pulp::x86::V3::try_new() else { return };
        for count in 0..=counter::LIMIT {
            for bit in [false, true] {
                let counters = [count | (0x1234_5678 & !counter::COUNT); 8];
                assert_eq!(Avx2(v3).count(counters, bit), Plain.count(counters, bit), "{count}");
            }
        }
    }
}
