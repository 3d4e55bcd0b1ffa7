//! A hand-written image with the exports of a real one; what it does stands in the fixtures. The addresses in them are
//! those of `REGIONS`.
#![allow(dead_code)]

/// Where `manage` keeps what it has done.
pub const APPLIED: usize = 4096;
pub const LAST_NOW: usize = 4100;
/// Where it counts its messages, replayed ones too (EVENT_COUNTER 1).
pub const MESSAGES: usize = 2232;

/// (name, value) of the i32 globals that an engine needs.
pub const CONSTANTS: &[(&str, i32)] = &[
    ("ABI_VERSION", dobbs_engine::ABI_VERSION),
    ("LAYOUT", 1024),
    ("LAYOUT_REGIONS", 5),
    ("Region.SIZE", 16),
    ("Region.id", 4 << 16),
    ("Region.address", 4 | 4 << 16),
    ("Region.stride", 8 | 4 << 16),
    ("Region.count", 12 | 4 << 16),
    ("RegionId.INBOX", 4),
    ("RegionId.OUTBOX", 5),
    ("RegionId.VERDICT_COUNTER", 6),
    ("RegionId.DROP_COUNTER", 7),
    ("RegionId.EVENT_COUNTER", 8),
    ("Envelope.retain", 18 | 1 << 16),
    ("Envelope.retainKey", 19 | 1 << 16),
    ("Retain.BEGIN", 1),
    ("Retain.HOLD", 2),
    ("Retain.CLOSE", 4),
];

pub const INBOX: u32 = 2048;

/// (id, address, stride, count)
const REGIONS: [[u32; 4]; 5] = [[4, INBOX, 64, 1], [5, 2112, 64, 1], [6, 2176, 8, 2], [7, 2192, 8, 4], [8, 2224, 8, 2]];

/// Shared with the tests of the TypeScript engines.
const PROCESS: &str = include_str!("../../../../../tests/engine/fixtures/process.wat");
const MANAGE: &str = include_str!("../../../../../tests/engine/fixtures/manage.wat");
const HELPERS: &str = include_str!("../../../../../tests/engine/fixtures/helpers.wat");

/// What `image` puts together, so that a test can change one part.
pub struct Parts {
    pub head: String,
    pub memory: String,
    pub process: String,
    pub manage: String,
    pub constants: Vec<(&'static str, i32)>,
    pub regions: Vec<[u32; 4]>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            head: String::new(),
            memory: r#"(memory (export "memory") 1 1)"#.into(),
            process: PROCESS.into(),
            manage: MANAGE.into(),
            constants: CONSTANTS.to_vec(),
            regions: REGIONS.to_vec(),
        }
    }
}

impl Parts {
    pub fn without(mut self, constant: &str) -> Self {
        self.constants.retain(|(name, _)| *name != constant);
        self
    }

    pub fn image(&self) -> Vec<u8> {
        let constants: String = self
            .constants
            .iter()
            .map(|(name, value)| format!("(global (export \"{name}\") i32 (i32.const {value}))\n"))
            .collect();
        let layout: String = self
            .regions
            .iter()
            .flatten()
            .flat_map(|word| word.to_le_bytes())
            .map(|byte| format!("\\{byte:02x}"))
            .collect();
        let Self { head, memory, process, manage, .. } = self;
        let text = format!(
            "(module {head}\n{memory}\n(data (i32.const 1024) \"{layout}\")\n{constants}\n{HELPERS}\n{process}\n{manage}\n)"
        );
        wat::parse_str(text).expect("the test's own text")
    }
}

pub fn image() -> Vec<u8> {
    Parts::default().image()
}
