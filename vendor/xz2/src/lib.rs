//! The public names of `xz2`, served by its maintained successor `liblzma`.
//!
//! oxyroot asks for `xz2` (`links = "lzma"`), burn's optional back ends for `liblzma` (the same `links` key); cargo
//! refuses to lock both. `liblzma` kept the API of `xz2`, so re-exporting it is the whole bridge.
pub use liblzma::*;
