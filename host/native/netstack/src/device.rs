//! What smoltcp sends and receives by: one packet in at a time, any number out. What leaves has room for an
//! Ethernet header in front, which `link.rs` fills in.

use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use smoltcp::wire::ETHERNET_HEADER_LEN;

/// Bytes of the largest IP packet.
pub const MTU: usize = 1500;

#[derive(Default)]
pub(crate) struct Device {
    /// The packet to receive next; empty for none.
    pub ingress: Vec<u8>,
    /// Frames whose first `ETHERNET_HEADER_LEN` bytes are still zero.
    pub egress: Vec<Vec<u8>>,
}

pub(crate) struct RxToken<'a>(&'a mut Vec<u8>);
pub(crate) struct TxToken<'a>(&'a mut Vec<Vec<u8>>);

impl phy::Device for Device {
    type RxToken<'a> = RxToken<'a>;
    type TxToken<'a> = TxToken<'a>;

    fn receive(&mut self, _: Instant) -> Option<(RxToken<'_>, TxToken<'_>)> {
        if self.ingress.is_empty() {
            return None;
        }
        Some((RxToken(&mut self.ingress), TxToken(&mut self.egress)))
    }

    fn transmit(&mut self, _: Instant) -> Option<TxToken<'_>> {
        Some(TxToken(&mut self.egress))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        capabilities
    }
}

impl phy::RxToken for RxToken<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, process: F) -> R {
        let result = process(self.0);
        self.0.clear();
        result
    }
}

impl phy::TxToken for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut frame = vec![0; ETHERNET_HEADER_LEN + length];
        let result = write(&mut frame[ETHERNET_HEADER_LEN..]);
        self.0.push(frame);
        result
    }
}
