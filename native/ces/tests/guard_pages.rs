//! No kernel touches a byte outside its rows: they lie against pages that fault.
#![cfg(unix)]

use pangea_ces::kernel::{MAX_OUTPUTS, Stores};
use pangea_ces::{DATA_SHARDS, Kernel};

/// Room of whole pages between two pages that may not be touched.
struct Guarded {
    start: *mut u8,
    room: usize,
    page: usize,
}

impl Guarded {
    fn new(at_least: usize) -> Self {
        // SAFETY: asks for a number.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap();
        let room = at_least.next_multiple_of(page);
        let (kind, none) = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, libc::PROT_NONE);
        // SAFETY: fresh anonymous memory, of which the inner pages are opened.
        unsafe {
            let mapped = libc::mmap(std::ptr::null_mut(), room + 2 * page, none, kind, -1, 0);
            assert_ne!(mapped, libc::MAP_FAILED);
            let start = mapped.cast::<u8>().add(page);
            assert_eq!(libc::mprotect(start.cast(), room, libc::PROT_READ | libc::PROT_WRITE), 0);
            Self { start, room, page }
        }
    }

    /// `length` bytes that begin behind the first guard, or end at the second.
    fn row(&mut self, length: usize, at_end: bool) -> &mut [u8] {
        assert!(length <= self.room);
        let skipped = if at_end { self.room - length } else { 0 };
        // SAFETY: inside the open pages, which live as long as `self` and are borrowed with it.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(skipped), length) }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: exactly what was mapped; no row outlives `self`.
        unsafe { libc::munmap(self.start.sub(self.page).cast(), self.room + 2 * self.page) };
    }
}

#[test]
fn rows_at_the_edge_of_what_may_be_touched_are_read_and_written_to_the_byte() {
    let lengths: Vec<usize> = (1..200).chain([255, 256, 257, 2047, 2049, 4095, 4096]).collect();
    let mut memory: Vec<Guarded> = (0..DATA_SHARDS + MAX_OUTPUTS).map(|_| Guarded::new(4096)).collect();
    let plain = std::array::from_fn(|i| std::array::from_fn(|o| (17 * i + 5 * o + 3) as u8));
    let dyadic = std::array::from_fn(|i| std::array::from_fn(|o| [[2, 3, 5, 7], [11, 13, 17, 19]][i / 4][(i % 4) ^ o]));
    let coefficients: [[[u8; MAX_OUTPUTS]; DATA_SHARDS]; 2] = [plain, dyadic];
    for kernel in Kernel::available() {
        for length in lengths.iter().copied() {
            // Inputs before outputs within a page, behind them, and in step: each order of a pass, and the buffer.
            for mask in [0, 0b1111_1111, 0b1111 << 8, 0b1111_1111_1111, 0b0101_0101_0101] {
                let mut rows: Vec<&mut [u8]> = memory
                    .iter_mut()
                    .enumerate()
                    .map(|(index, guarded)| guarded.row(length, mask >> index & 1 == 1))
                    .collect();
                let (inputs, outputs) = rows.split_at_mut(DATA_SHARDS);
                for (index, input) in inputs.iter_mut().enumerate() {
                    input.iter_mut().enumerate().for_each(|(at, byte)| *byte = (at * (2 * index + 3)) as u8);
                }
                let inputs: Vec<&[u8]> = inputs.iter().map(|row| &**row).collect();
                for (coefficients, stores) in coefficients.iter().zip([Stores::Cached, Stores::Streaming]) {
                    kernel.multiply_with(stores, coefficients, &inputs, outputs);
                    kernel.multiply(&coefficients[..3], &inputs[..3], &mut outputs[..1]);
                    kernel.update(&coefficients[0], inputs[0], inputs[1], outputs);
                }
            }
        }
    }
}
