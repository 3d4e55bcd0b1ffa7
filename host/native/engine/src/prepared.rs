//! An image that is verified, compiled and started, and has not been given anything to do.

use std::sync::Arc;

use crate::abi::{self, Abi};
use crate::error::ImageError;
use crate::image::Image;
use crate::layout::{Constants, Layout};
use crate::running::Running;

/// Made in any thread; an `Instance` takes it over without a pause for compiling.
pub struct Prepared {
    pub(crate) image: Arc<Image>,
    pub(crate) running: Running,
    pub(crate) layout: Layout,
    pub(crate) abi: Abi,
}

impl Prepared {
    pub(crate) fn start(image: Arc<Image>) -> Result<Self, ImageError> {
        let mut running = Running::start(&image)?;
        let constants = running.constants();
        abi::check_version(&constants)?;
        let layout = Layout::read(constants, running.memory())?;
        let abi = Abi::read(&layout)?;
        Ok(Self { image, running, layout, abi })
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    pub fn constants(&self) -> &Constants {
        self.layout.constants()
    }
}
