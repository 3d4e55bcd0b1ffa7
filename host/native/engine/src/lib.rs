//! Runs a firmware image in wasmtime: verified, bounded, and started anew after a trap. Nothing here knows what a
//! message or a frame means; see "The boundary between an image and its host" in `docs/architecture.md`.

mod abi;
mod counters;
mod error;
mod image;
mod instance;
mod layout;
mod prepared;
mod retained;
mod running;

use std::sync::{Arc, Mutex};

pub use abi::ABI_VERSION;
pub use error::ImageError;
use image::Image;
pub use instance::{Bound, Instance};
pub use layout::{Constants, Field, Layout, Region};
pub use prepared::Prepared;

/// Compiled images that are kept: an emulator loads the same one for each of its nodes.
const IMAGES_KEPT: usize = 8;

/// Compiles and starts images.
pub struct Engine {
    engine: wasmtime::Engine,
    bound: Option<Bound>,
    /// The latest last.
    images: Mutex<Vec<Arc<Image>>>,
}

impl Engine {
    /// `bound`: what a call may do at most; `None` lets it run for ever, and costs no time for counting.
    pub fn new(bound: Option<Bound>) -> Self {
        let mut config = wasmtime::Config::new();
        config
            .consume_fuel(bound.is_some())
            .memory_may_move(false)
            .signals_based_traps(true)
            .wasm_backtrace_max_frames(None)
            .wasm_relaxed_simd(false)
            .wasm_memory64(false)
            .wasm_multi_memory(false);
        let engine = wasmtime::Engine::new(&config).expect("a configuration that this platform supports");
        Self { engine, bound, images: Mutex::default() }
    }

    /// Verifies, compiles and instantiates an image.
    pub fn load(&self, bytes: &[u8]) -> Result<Instance, ImageError> {
        Ok(Instance::start(self.prepare(bytes)?, self.bound))
    }

    /// Verifies, compiles and instantiates an image that is to take the place of a running one, or to be loaded later:
    /// everything that can be done in another thread than that of the packets.
    pub fn prepare(&self, bytes: &[u8]) -> Result<Prepared, ImageError> {
        Prepared::start(self.image(bytes)?)
    }

    /// Starts what was prepared; it has been given no message yet.
    pub fn start(&self, prepared: Prepared) -> Instance {
        Instance::start(prepared, self.bound)
    }

    fn image(&self, bytes: &[u8]) -> Result<Arc<Image>, ImageError> {
        let mut images = self.images.lock().expect("no load panicked");
        if let Some(known) = images.iter().find(|image| *image.bytes == *bytes) {
            return Ok(known.clone());
        }
        let image = Arc::new(Image::compile(&self.engine, bytes)?);
        if images.len() == IMAGES_KEPT {
            images.remove(0);
        }
        images.push(image.clone());
        Ok(image)
    }
}
