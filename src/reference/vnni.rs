//! Products of pairs on machines with AVX-512 VNNI: multiplies, adds both products and accumulates in one instruction.
//!
//! The crate `pulp` has no such machine, so that these are the compiler's own intrinsics: the one place here with `unsafe`.

use std::arch::x86_64::{__m512i, _mm512_add_epi32, _mm512_dpwssd_epi32, _mm512_set1_epi32, _mm512_setzero_si512};

use pulp::NullaryFnOnce;

use super::kernel::{BLOCK, Machine, Plane};
use super::plan::Sum;

/// Vectors in a block.
const VECTORS: usize = BLOCK / 16;

/// Shows that the machine has what [`run`](Vnni::run) needs: made by [`try_new`](Vnni::try_new) only.
#[derive(Clone, Copy)]
pub(super) struct Vnni(());

impl Vnni {
    /// The machine, if it is one.
    pub fn try_new() -> Option<Vnni> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi2");
        has.then_some(Vnni(()))
    }

    /// Runs `work`, and what is inlined into it, with the vectors of this machine.
    pub fn run<W: NullaryFnOnce>(self, work: W) -> W::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,bmi2")]
        fn with_features<W: NullaryFnOnce>(work: W) -> W::Output {
            work.call()
        }
        // SAFETY: `self` exists only where all these features were detected.
        unsafe { with_features(work) }
    }
}

impl Machine for Vnni {
    #[inline(always)]
    fn pairs(self, planes: &[Plane<i32>], sum: &Sum<i32>) -> [i32; BLOCK] {
        // SAFETY: as in `run`; the intrinsics only compute.
        unsafe {
            // Two sets of sums, because an instruction takes as long as several can start in.
            let mut even: [__m512i; VECTORS] = [_mm512_set1_epi32(sum.bias); VECTORS];
            let mut odd: [__m512i; VECTORS] = [_mm512_setzero_si512(); VECTORS];
            let mut terms = sum.terms.chunks_exact(2);
            for two in &mut terms {
                let [(a, a_pair), (b, b_pair)] = [two[0], two[1]];
                let (a_pair, b_pair) = (_mm512_set1_epi32(a_pair), _mm512_set1_epi32(b_pair));
                let a: [__m512i; VECTORS] = std::mem::transmute(planes[a].0);
                let b: [__m512i; VECTORS] = std::mem::transmute(planes[b].0);
                for v in 0..VECTORS {
                    even[v] = _mm512_dpwssd_epi32(even[v], a[v], a_pair);
                    odd[v] = _mm512_dpwssd_epi32(odd[v], b[v], b_pair);
                }
            }
            for (plane, pair) in terms.remainder() {
                let (pair, x) =
                    (_mm512_set1_epi32(*pair), std::mem::transmute::<_, [__m512i; VECTORS]>(planes[*plane].0));
                for v in 0..VECTORS {
                    even[v] = _mm512_dpwssd_epi32(even[v], x[v], pair);
                }
            }
            for v in 0..VECTORS {
                even[v] = _mm512_add_epi32(even[v], odd[v]);
            }
            std::mem::transmute::<[__m512i; VECTORS], [i32; BLOCK]>(even)
        }
    }
}
