//! A linear memory as JavaScript sees it: without a copy, for as long as the memory is there.

use napi::bindgen_prelude::{ArrayBuffer, Env, FromNapiValue, Result, Uint8ArraySlice};
use napi::{JsValue, check_status, sys};

/// The ArrayBuffer over one memory; JavaScript may drop it earlier.
pub struct View {
    env: sys::napi_env,
    /// Weak.
    reference: sys::napi_ref,
}

impl View {
    /// `keeper` is dropped when JavaScript has dropped the view: until then, or until `detach`, the memory must stay.
    ///
    /// # Safety
    /// `keeper` or whoever calls `detach` must keep `length` bytes from `data` on readable and writable.
    pub unsafe fn new<K: 'static>(
        env: &Env,
        data: *mut u8,
        length: usize,
        keeper: K,
    ) -> Result<(Self, ArrayBuffer<'_>)> {
        let buffer = unsafe { ArrayBuffer::from_external(env, data, length, keeper, |_, keeper| drop(keeper)) }?;
        let mut reference = std::ptr::null_mut();
        check_status!(unsafe { sys::napi_create_reference(env.raw(), buffer.raw(), 0, &mut reference) })?;
        Ok((Self { env: env.raw(), reference }, buffer))
    }

    /// The same bytes as before, if JavaScript still has them.
    pub fn get<'env>(&self) -> Result<Option<Uint8ArraySlice<'env>>> {
        self.buffer()?.map(|buffer| whole(&buffer)).transpose()
    }

    /// From here on every view of it is empty.
    pub fn detach(self) -> Result<()> {
        match self.buffer()? {
            Some(buffer) => buffer.detach(),
            None => Ok(()),
        }
    }

    fn buffer<'env>(&self) -> Result<Option<ArrayBuffer<'env>>> {
        let mut value = std::ptr::null_mut();
        check_status!(unsafe { sys::napi_get_reference_value(self.env, self.reference, &mut value) })?;
        if value.is_null() {
            return Ok(None);
        }
        Ok(Some(unsafe { ArrayBuffer::from_napi_value(self.env, value) }?))
    }
}

impl Drop for View {
    fn drop(&mut self) {
        unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}

pub fn whole<'env>(buffer: &ArrayBuffer<'env>) -> Result<Uint8ArraySlice<'env>> {
    Uint8ArraySlice::from_arraybuffer(buffer, 0, buffer.len())
}
