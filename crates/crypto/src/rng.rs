//! The service's own randomness: the library's CTR_DRBG, small draws served from a block per thread.
//!
//! A draw costs as much as all the cryptography of a Decrypt, whatever its size; a block divides that cost.
//!
//! # Invariants
//! - A byte is handed out once and wiped from the block as it goes.
//! - A block dies with its process: a child that was forked draws its own.

use std::cell::RefCell;

use aws_lc_rs::rand;
use strongroom_core::world::{NoEntropy, Rng};
use zeroize::Zeroize;

/// Bytes per block: a page, so that a block serves some hundred nonces.
const BLOCK_LEN: usize = 4096;

/// Larger draws go to the generator directly; they would empty the block.
const SMALL_DRAW_LEN: usize = 256;

/// The machine's random number generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, out: &mut [u8]) -> Result<(), NoEntropy> {
        if out.len() > SMALL_DRAW_LEN {
            return draw(out);
        }
        // While a thread ends its block is gone already: draw directly then.
        BLOCK.try_with(|block| block.borrow_mut().take(out)).unwrap_or_else(|_| draw(out))
    }
}

fn draw(out: &mut [u8]) -> Result<(), NoEntropy> {
    rand::fill(out).map_err(|_| NoEntropy)
}

thread_local! {
    static BLOCK: RefCell<Box<Block>> = RefCell::new(Box::new(Block::EMPTY));
}

/// Random bytes drawn ahead. `bytes[next..]` is fresh; everything before is zero.
struct Block {
    bytes: [u8; BLOCK_LEN],
    next: usize,
    process_id: u32,
}

impl Block {
    const EMPTY: Self = Self { bytes: [0; BLOCK_LEN], next: BLOCK_LEN, process_id: 0 };

    fn take(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        let process_id = std::process::id();
        if process_id != self.process_id || BLOCK_LEN - self.next < out.len() {
            self.refill(process_id)?;
        }
        let taken = &mut self.bytes[self.next..self.next + out.len()];
        out.copy_from_slice(taken);
        taken.zeroize();
        self.next += out.len();
        Ok(())
    }

    fn refill(&mut self, process_id: u32) -> Result<(), NoEntropy> {
        // Empty until the draw has succeeded: a failed one may leave anything behind.
        self.next = BLOCK_LEN;
        self.process_id = process_id;
        if let Err(failed) = draw(&mut self.bytes) {
            self.bytes.zeroize();
            return Err(failed);
        }
        self.next = 0;
        Ok(())
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_draw_repeats() {
        let mut seen = HashSet::new();
        let many: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| (0..2000).map(|_| array::<16>()).collect::<Vec<_>>()))
            .flat_map(|thread| thread.join().expect("draws"))
            .collect();
        for drawn in many {
            assert!(seen.insert(drawn));
        }
    }

    #[test]
    fn every_size_is_filled() {
        for len in [0, 1, 16, SMALL_DRAW_LEN, SMALL_DRAW_LEN + 1, BLOCK_LEN, 3 * BLOCK_LEN] {
            let mut out = vec![0; len];
            SystemRng.fill(&mut out).expect("entropy");
            // 17 zero bytes in a row come with probability 2^-136.
            assert!(out.chunks(17).all(|chunk| chunk.len() < 17 || chunk.iter().any(|byte| *byte != 0)), "{len}");
        }
    }

    #[test]
    fn what_was_handed_out_is_wiped() {
        let mut block = Block::EMPTY;
        let mut out = [0; 100];
        block.take(&mut out).expect("entropy");
        assert_eq!(block.bytes[..100], [0; 100]);
        assert!(block.bytes[100..200].iter().any(|byte| *byte != 0));
    }

    #[test]
    fn a_block_of_another_process_is_dropped() {
        let mut block = Block::EMPTY;
        block.take(&mut [0; 1]).expect("entropy");
        let before = block.bytes;
        block.process_id = block.process_id.wrapping_add(1);
        let mut out = [0; 32];
        block.take(&mut out).expect("entropy");
        assert_ne!(out, before[1..33]);
        assert_eq!(block.next, 32);
    }

    fn array<const N: usize>() -> [u8; N] {
        let mut out = [0; N];
        SystemRng.fill(&mut out).expect("entropy");
        out
    }
}
