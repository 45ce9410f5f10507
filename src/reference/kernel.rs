//! The inner loops of a batch: one output for a block of rows, in the widest vectors of the machine.
//!
//! Additions and products wrap by name: the plan has proved that none leaves its range, and checks would keep the loops
//! from being vectorized.

use super::plan::{Finish, Sum, Width};

/// Rows side by side: the sums of one output stay in vector registers.
pub(super) const BLOCK: usize = 64;

/// One element, or a pair of them, for each row of a block.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Plane<T>(pub [T; BLOCK]);

/// Integers that sums are computed in.
pub(super) trait Lane: Width + Ord + Default {
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    fn shifted(self, right: u32) -> Self;
    fn and(self, mask: Self) -> Self;
    fn word(self) -> i32;
    fn one() -> Self;
}

macro_rules! lane {
    ($t:ty) => {
        impl Lane for $t {
            #[inline(always)]
            fn plus(self, other: $t) -> $t {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn minus(self, other: $t) -> $t {
                self.wrapping_sub(other)
            }
            #[inline(always)]
            fn times(self, other: $t) -> $t {
                self.wrapping_mul(other)
            }
            #[inline(always)]
            fn shifted(self, right: u32) -> $t {
                self.wrapping_shr(right)
            }
            #[inline(always)]
            fn and(self, mask: $t) -> $t {
                self & mask
            }
            #[inline(always)]
            fn word(self) -> i32 {
                self as i32
            }
            #[inline(always)]
            fn one() -> $t {
                1
            }
        }
    };
}

lane!(i32);
lane!(i64);

/// What differs between machines: products of pairs.
pub(super) trait Machine: Copy {
    /// `bias + Σ coefficient · plane` of 16-bit pairs.
    fn pairs(self, planes: &[Plane<i32>], sum: &Sum<i32>) -> [i32; BLOCK];
}

/// Any machine.
#[derive(Clone, Copy)]
pub(super) struct Plain;

impl Machine for Plain {
    #[inline(always)]
    fn pairs(self, planes: &[Plane<i32>], sum: &Sum<i32>) -> [i32; BLOCK] {
        let mut out = [0; BLOCK];
        for part in (0..BLOCK).step_by(16) {
            let mut acc = [sum.bias; 16];
            for (plane, pair) in &sum.terms {
                let (low, high) = (i32::from(*pair as i16), *pair >> 16);
                for (acc, x) in acc.iter_mut().zip(&planes[*plane].0[part..part + 16]) {
                    let products = i32::from(*x as i16).wrapping_mul(low).wrapping_add((x >> 16).wrapping_mul(high));
                    *acc = acc.wrapping_add(products);
                }
            }
            out[part..part + 16].copy_from_slice(&acc);
        }
        out
    }
}

#[cfg(target_arch = "x86_64")]
impl Machine for pulp::x86::V3 {
    #[inline(always)]
    fn pairs(self, planes: &[Plane<i32>], sum: &Sum<i32>) -> [i32; BLOCK] {
        let mut acc: [pulp::i32x8; BLOCK / 8] = [self.splat_i32x8(sum.bias); BLOCK / 8];
        for (plane, pair) in &sum.terms {
            let pair: pulp::i16x16 = pulp::cast(self.splat_i32x8(*pair));
            let x: [pulp::i16x16; BLOCK / 8] = pulp::bytemuck::cast(planes[*plane].0);
            for (acc, x) in acc.iter_mut().zip(x) {
                let products = self.multiply_wrapping_add_adjacent_i16x16(x, pair);
                *acc = pulp::cast(self.avx2._mm256_add_epi32(pulp::cast(*acc), pulp::cast(products)));
            }
        }
        pulp::bytemuck::cast(acc)
    }
}

/// `bias + Σ coefficient · plane`.
#[inline(always)]
pub(super) fn sums<T: Lane>(planes: &[Plane<T>], sum: &Sum<T>) -> [T; BLOCK] {
    /// Rows whose sums fit the registers, also of 64 bits.
    const PART: usize = 32;
    let mut out = [T::default(); BLOCK];
    for part in (0..BLOCK).step_by(PART) {
        let mut acc = [sum.bias; PART];
        for (plane, coefficient) in &sum.terms {
            for (acc, x) in acc.iter_mut().zip(&planes[*plane].0[part..part + PART]) {
                *acc = acc.plus(x.times(*coefficient));
            }
        }
        out[part..part + PART].copy_from_slice(&acc);
    }
    out
}

/// Activation, rounding and overflow of a block of sums.
#[inline(always)]
pub(super) fn finish<T: Lane>(sums: &mut [T; BLOCK], finish: &Finish<T>) {
    if let Some(below_half) = finish.even {
        for v in sums.iter_mut() {
            *v = v.plus(below_half).plus(v.shifted(finish.shift).and(T::one()));
        }
    }
    for v in sums.iter_mut() {
        *v = v.shifted(finish.shift).max(finish.low).min(finish.high);
    }
    if let Some((min, mask)) = finish.wrap {
        for v in sums.iter_mut() {
            // The distance from the smallest number, modulo their count.
            *v = v.minus(min).and(mask).plus(min);
        }
    }
}

/// The largest of some planes; 0 of none.
#[inline(always)]
pub(super) fn largest<T: Lane>(planes: &[Plane<T>], window: &[usize]) -> [T; BLOCK] {
    let mut out = window.first().map_or([T::default(); BLOCK], |i| planes[*i].0);
    for i in window.iter().skip(1) {
        for (largest, x) in out.iter_mut().zip(&planes[*i].0) {
            *largest = (*largest).max(*x);
        }
    }
    out
}
