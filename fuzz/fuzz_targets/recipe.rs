//! Any text as a recipe, and as a formula.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = sluice::recipe::Recipe::parse(text);
    let _ = text.parse::<sluice::relation::Expression>();
    let _ = text.parse::<sluice::codec::Bound>();
});
