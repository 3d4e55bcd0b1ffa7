//! A compiled image: verified before it is compiled, so that nothing in it runs unasked.

use wasmparser::{Parser, Payload};
use wasmtime::{ExternType, FuncType, Module, ValType};

use crate::error::ImageError;

const MAGIC: &[u8] = b"\0asm";

/// What every image exports, beside its constants.
const MEMORY: &str = "memory";
/// (name, parameters): each takes and returns i32.
const FUNCTIONS: [(&str, usize); 2] = [("process", 3), ("manage", 2)];

#[derive(Debug)]
pub(crate) struct Image {
    pub bytes: Box<[u8]>,
    pub module: Module,
}

impl Image {
    pub fn compile(engine: &wasmtime::Engine, bytes: &[u8]) -> Result<Self, ImageError> {
        refuse_what_runs_unasked(bytes)?;
        let module = Module::from_binary(engine, bytes).map_err(|error| invalid(format!("{error:#}")))?;
        require_exports(engine, &module)?;
        Ok(Self { bytes: bytes.into(), module })
    }
}

fn invalid(reason: String) -> ImageError {
    ImageError::new(ImageError::INVALID, format!("no valid WebAssembly module: {reason}"))
}

fn refuse_what_runs_unasked(bytes: &[u8]) -> Result<(), ImageError> {
    if !bytes.starts_with(MAGIC) {
        return Err(invalid("it does not begin like one".into()));
    }
    let mut start = false;
    let mut growable = false;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| invalid(error.to_string()))? {
            Payload::ImportSection(imports) => {
                if let Some(import) = imports.into_imports().next() {
                    let import = import.map_err(|error| invalid(error.to_string()))?;
                    let message = format!("the image imports {}.{}", import.module, import.name);
                    return Err(ImageError::new(ImageError::IMPORT, message));
                }
            }
            Payload::StartSection { .. } => start = true,
            Payload::MemorySection(memories) => {
                for memory in memories {
                    let memory = memory.map_err(|error| invalid(error.to_string()))?;
                    growable |= memory.maximum != Some(memory.initial);
                }
            }
            _ => {}
        }
    }
    if start {
        return Err(ImageError::new(ImageError::START, "the image has a start function"));
    }
    if growable {
        return Err(ImageError::new(ImageError::MEMORY, "the image's memory can grow"));
    }
    Ok(())
}

fn require_exports(engine: &wasmtime::Engine, module: &Module) -> Result<(), ImageError> {
    if !matches!(module.get_export(MEMORY), Some(ExternType::Memory(_))) {
        return Err(ImageError::new(ImageError::EXPORT, format!("the image exports no {MEMORY}")));
    }
    for (name, parameters) in FUNCTIONS {
        let wanted = FuncType::new(engine, vec![ValType::I32; parameters], [ValType::I32]);
        match module.get_export(name) {
            Some(ExternType::Func(found)) if FuncType::eq(&found, &wanted) => {}
            _ => {
                let message = format!("the image exports no function {name} of {parameters} i32 that returns i32");
                return Err(ImageError::new(ImageError::EXPORT, message));
            }
        }
    }
    Ok(())
}
