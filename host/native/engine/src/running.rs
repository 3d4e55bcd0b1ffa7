//! One instance of an image, from its start to its first trap.

use wasmtime::{AsContextMut, Instance, Memory, Store, TypedFunc};

use crate::error::ImageError;
use crate::image::Image;
use crate::layout::Constants;

/// The call did not return: the instance is not to be used any more. Why, in words.
#[derive(Debug)]
pub(crate) struct Trap(pub String);

pub(crate) struct Running {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
    process: TypedFunc<(u32, u32, u32), u32>,
    manage: TypedFunc<(u32, u32), u32>,
}

impl Running {
    /// `bounded`: the engine counts fuel, and each call says how much it may use.
    pub fn start(image: &Image) -> Result<Self, ImageError> {
        let failed = |error: wasmtime::Error| ImageError::new(ImageError::INSTANTIATE, format!("{error:#}"));
        let mut store = Store::new(image.module.engine(), ());
        let instance = Instance::new(&mut store, &image.module, &[]).map_err(failed)?;
        let memory = instance.get_memory(&mut store, "memory").expect("checked when the image was compiled");
        let process = instance.get_typed_func(&mut store, "process").map_err(failed)?;
        let manage = instance.get_typed_func(&mut store, "manage").map_err(failed)?;
        Ok(Self { store, instance, memory, process, manage })
    }

    /// The exported i32 globals.
    pub fn constants(&mut self) -> Constants {
        let globals: Vec<_> = self
            .instance
            .exports(&mut self.store)
            .filter_map(|export| Some((export.name().to_owned(), export.into_global()?)))
            .collect();
        globals
            .into_iter()
            .filter_map(|(name, global)| Some((name, global.get(self.store.as_context_mut()).i32()?)))
            .collect()
    }

    pub fn memory(&self) -> &[u8] {
        self.memory.data(&self.store)
    }

    pub fn memory_mut(&mut self) -> &mut [u8] {
        self.memory.data_mut(&mut self.store)
    }

    /// Stays where it is for as long as this instance lives: the memory can neither grow nor move.
    pub fn memory_place(&self) -> (*mut u8, usize) {
        (self.memory.data_ptr(&self.store), self.memory.data_size(&self.store))
    }

    pub fn write(&mut self, address: usize, bytes: &[u8]) {
        self.memory_mut()[address..address + bytes.len()].copy_from_slice(bytes);
    }

    pub fn process(&mut self, first: u32, count: u32, now: u32) -> Result<u32, Trap> {
        self.process.call(&mut self.store, (first, count, now)).map_err(trap)
    }

    pub fn manage(&mut self, length: u32, now: u32) -> Result<u32, Trap> {
        self.manage.call(&mut self.store, (length, now)).map_err(trap)
    }

    /// Only of an engine that counts fuel.
    pub fn set_fuel(&mut self, fuel: u64) {
        self.store.set_fuel(fuel).expect("the engine counts fuel");
    }

    /// Only of an engine that counts fuel.
    pub fn fuel(&self) -> u64 {
        self.store.get_fuel().expect("the engine counts fuel")
    }
}

fn trap(error: wasmtime::Error) -> Trap {
    Trap(error.root_cause().to_string())
}
