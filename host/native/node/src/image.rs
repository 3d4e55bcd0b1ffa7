use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use dobbs_engine::{Bound, ImageError};
use napi::bindgen_prelude::{BigUint64Array, Env, Uint8ArraySlice};
use napi_derive::napi;

use crate::view::{View, whole};

/// `error.code` in JavaScript.
type Result<T> = std::result::Result<T, napi::Error<&'static str>>;

/// What `process` and `manage` return of a call that trapped.
const TRAPPED: i32 = -1;

fn coded(error: ImageError) -> napi::Error<&'static str> {
    napi::Error::new(error.code, error.message)
}

fn uncoded(error: napi::Error) -> napi::Error<&'static str> {
    napi::Error::new("E_BINDING", error.reason.clone())
}

#[napi]
pub struct Engine {
    engine: dobbs_engine::Engine,
}

#[napi]
impl Engine {
    /// `bounded`: a call may do only so much.
    #[napi(constructor)]
    pub fn new(bounded: bool) -> Self {
        Self { engine: dobbs_engine::Engine::new(bounded.then(Bound::default)) }
    }

    #[napi]
    pub fn load(&self, image: &[u8]) -> Result<Instance> {
        let instance = self.engine.load(image).map_err(coded)?;
        Ok(Instance { instance: Rc::new(RefCell::new(instance)), view: None })
    }
}

#[napi]
pub struct Instance {
    /// Shared with the view that JavaScript may still have when this is gone.
    instance: Rc<RefCell<dobbs_engine::Instance>>,
    view: Option<View>,
}

#[napi]
impl Instance {
    #[napi]
    pub fn constants(&self) -> BTreeMap<String, i32> {
        self.instance.borrow().constants().clone()
    }

    /// Detached, and so empty, from the next restart on.
    #[napi]
    pub fn memory<'env>(&mut self, env: &'env Env) -> Result<Uint8ArraySlice<'env>> {
        if let Some(memory) = self.view.as_ref().map(View::get).transpose().map_err(uncoded)?.flatten() {
            return Ok(memory);
        }
        let (data, length) = self.instance.borrow().memory_place();
        // The memory stays while `instance` does, but for restarts, and `after_call` detaches the view then.
        let (view, buffer) = unsafe { View::new(env, data, length, self.instance.clone()) }.map_err(uncoded)?;
        self.view = Some(view);
        whole(&buffer).map_err(uncoded)
    }

    #[napi]
    pub fn process(&mut self, first: u32, count: u32, now: u32) -> Result<i32> {
        let result = self.instance.borrow_mut().process(first, count, now);
        self.after_call(result)
    }

    #[napi]
    pub fn manage(&mut self, length: u32, now: u32) -> Result<i32> {
        let result = self.instance.borrow_mut().manage(length, now);
        self.after_call(result)
    }

    fn after_call(&mut self, result: std::result::Result<Option<u32>, ImageError>) -> Result<i32> {
        if let Ok(Some(value)) = result {
            return Ok(value as i32);
        }
        if let Some(view) = self.view.take() {
            view.detach().map_err(uncoded)?;
        }
        result.map(|_| TRAPPED).map_err(coded)
    }

    /// Null of a region that has no counters.
    #[napi]
    pub fn counters(&self, region: u32) -> Option<BigUint64Array> {
        self.instance.borrow().counters(region).map(BigUint64Array::new)
    }

    #[napi(getter)]
    pub fn restarts(&self) -> u32 {
        self.instance.borrow().restarts()
    }

    #[napi(getter)]
    pub fn frames_lost(&self) -> f64 {
        self.instance.borrow().frames_lost() as f64
    }

    #[napi(getter)]
    pub fn fuel_used(&self) -> f64 {
        self.instance.borrow().fuel_used() as f64
    }

    #[napi(getter)]
    pub fn last_trap(&self) -> Option<String> {
        self.instance.borrow().last_trap().map(str::to_owned)
    }
}
