//! Containers that were damaged on purpose: never a panic, never wrong data as right ones, never more memory than their size
//! explains, and everything outside a damaged block comes back.
//!
//!     cargo test --release --test damage [-- MUTANTS [SEED]]
//!
//! 20,000 mutants by default; `scripts/damage` tries a million. A container that breaks a promise is left in the temporary
//! folder of the build.

mod containers;
mod memory;
mod mutate;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use containers::Sample;
use memory::Counting;
use mutate::Damage;
use sluice::Code;
use sluice::codec::decompress;
use sluice::data::Dataset;
use sluice::evaluate::Chance;

#[global_allocator]
static MEMORY: Counting = Counting;

/// Bytes that reading a container may take beside a multiple of its data: the counters of what is learned of a column.
const ROOM: usize = 16 << 20;

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let (mutants, seed) = (numbers.first().copied().unwrap_or(20_000), numbers.get(1).copied().unwrap_or(1));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let samples = containers::make(folder.path());
    let workers = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let (next, silent) = (AtomicU64::new(0), Mutex::new(()));
    let counts = Counts::default();
    std::panic::set_hook(Box::new(|_| {}));
    let failed: Mutex<Option<String>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let (samples, next, failed, counts, silent) = (&samples, &next, &failed, &counts, &silent);
            let path = folder.path().join(format!("{worker}.slc"));
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= mutants || failed.lock().expect("no thread panics").is_some() {
                        return;
                    }
                    let mut random = Chance::new(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                    let of = random.below(samples.len());
                    let (bytes, damage) = mutate::mutant(&samples, of, &mut random);
                    let tried =
                        catch_unwind(AssertUnwindSafe(|| attempt(&samples[of], &bytes, &damage, &path, counts)));
                    let wrong = match tried {
                        Ok(Ok(())) => continue,
                        Ok(Err(wrong)) => wrong,
                        Err(panic) => format!("panic: {}", message(panic.as_ref())),
                    };
                    let _one = silent.lock();
                    let kept = keep(&bytes, number);
                    *failed.lock().expect("no thread panics") = Some(format!(
                        "mutant {number} of seed {seed} ({}, {damage:?}): {wrong}\nit is {}",
                        samples[of].name,
                        kept.display()
                    ));
                    return;
                }
            });
        }
    });
    let _ = std::panic::take_hook();
    let peak = memory::peak();
    let allowed = workers as usize * (ROOM + samples.iter().map(|s| s.raw()).max().unwrap_or(0) * 32);
    if let Some(failed) = failed.into_inner().expect("no thread panics") {
        eprintln!("damage: {failed}");
        std::process::exit(1);
    }
    let [refused, whole, recovered] = counts.all();
    println!(
        "damage: {mutants} mutants of {} containers: {refused} refused, {whole} read whole and right, {recovered} recovered but \
         for the damaged block; at most {} MiB",
        samples.len(),
        peak >> 20
    );
    // A check that nothing ever reaches is none.
    let lame = mutants >= 5_000 && [refused, whole, recovered].contains(&0);
    if lame || peak > allowed {
        eprintln!("damage: {} MiB are allowed, and each of the three has to occur", allowed >> 20);
        std::process::exit(1);
    }
}

/// What became of mutants.
#[derive(Default)]
struct Counts {
    refused: AtomicU64,
    whole: AtomicU64,
    recovered: AtomicU64,
}

impl Counts {
    fn all(&self) -> [u64; 3] {
        [&self.refused, &self.whole, &self.recovered].map(|n| n.load(Ordering::Relaxed))
    }
}

/// Reads a mutant, strictly and with recovery, and says what is wrong with what comes out.
fn attempt(sample: &Sample, bytes: &[u8], damage: &Damage, path: &Path, counts: &Counts) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|e| e.to_string())?;
    match decompress(path, false, &containers::no_model) {
        Ok(read) if same(&sample.data, 0, &read.data) && read.data.rows == sample.data.rows => {
            counts.whole.fetch_add(1, Ordering::Relaxed);
        }
        // A header that was changed and sealed again may name or bound its columns otherwise.
        Ok(_) if *damage == Damage::Header => {}
        Ok(_) => return Err("other data were returned as right".to_owned()),
        Err(e)
            if [Code::ContainerDamaged, Code::ContainerVersion, Code::DataType, Code::DataShape]
                .contains(&e.code()) =>
        {
            counts.refused.fetch_add(1, Ordering::Relaxed);
        }
        Err(e) if *damage == Damage::Header => drop(e),
        Err(e) => return Err(format!("an error of another kind: {e}")),
    }
    let aimed = matches!(damage, Damage::Block(_) | Damage::Sealed(_));
    // Reading all other blocks takes long, and of most mutants nothing is known of them.
    if !aimed && !bytes.len().is_multiple_of(8) {
        return Ok(());
    }
    let recovered = match decompress(path, true, &containers::no_model) {
        Ok(recovered) => recovered,
        Err(_) if aimed => return Err("nothing was recovered".to_owned()),
        Err(_) => return Ok(()),
    };
    let (Damage::Block(block) | Damage::Sealed(block)) = damage else { return Ok(()) };
    let lost: Vec<_> = recovered.lost.iter().map(|l| l.rows.clone()).collect();
    let of_block = sample.blocks[*block].rows.clone();
    if !lost.is_empty() && lost != [of_block.clone()] {
        return Err(format!("rows {lost:?} were lost where {of_block:?} were damaged"));
    }
    if lost.is_empty() {
        return if same(&sample.data, 0, &recovered.data) {
            Ok(())
        } else {
            Err("wrong rows were recovered".to_owned())
        };
    }
    let (from, to) = (of_block.start as usize, of_block.end as usize);
    let rest = recovered.data.rows == sample.data.rows - (to - from)
        && same(&sample.data, 0, &recovered.data.slice(0..from))
        && same(&sample.data, to, &recovered.data.slice(from..recovered.data.rows));
    counts.recovered.fetch_add(1, Ordering::Relaxed);
    if rest { Ok(()) } else { Err("rows outside the damaged block were not recovered".to_owned()) }
}

/// Whether `part` is, bit for bit, what stands in `whole` from row `from` on.
fn same(whole: &Dataset, from: usize, part: &Dataset) -> bool {
    let expected = (from + part.rows <= whole.rows).then(|| whole.slice(from..from + part.rows));
    expected.is_some_and(|expected| {
        expected.columns.len() == part.columns.len()
            && expected.columns.iter().zip(&part.columns).all(|(a, b)| {
                (&a.name, &a.shape, a.values.dtype()) == (&b.name, &b.shape, b.values.dtype())
                    && a.values.to_le_bytes() == b.values.to_le_bytes()
            })
    })
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default()
}

fn keep(bytes: &[u8], number: u64) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("damage_{number}.slc"));
    std::fs::write(&path, bytes).expect("the temporary folder of the build can be written");
    path
}
