//! Where the module's memory comes from: blocks of powers of two, each size with a list of those that are free.
//!
//! std's allocator is made for speed and for every shape of use, at several times the code of this one. Blocks are never
//! joined again: what a page keeps is small, and asks for the same sizes over and over.
#![allow(unsafe_code, reason = "an allocator hands out raw memory")]

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::{memory_grow, memory_size};
use core::ptr::null_mut;

const PAGE: usize = 1 << 16;
/// The smallest block, which holds the link to the next free one and aligns whatever is asked for here.
const LEAST: usize = 16;

struct Blocks;

/// By the power of two: the first free block, whose first word is the next one. The module runs on one thread.
static mut FREE: [*mut u8; 32] = [null_mut(); 32];
/// Memory that was never handed out: from here up to the end.
static mut FRESH: (usize, usize) = (0, 0);

/// The power of two that holds a layout.
fn power(layout: Layout) -> usize {
    layout.size().max(layout.align()).max(LEAST).next_power_of_two().trailing_zeros() as usize
}

// SAFETY: a block is as large as its power of two and begins at a multiple of 16 at least; nothing in the engine asks
// for more alignment. It is in one place only: handed out, on its free list, or in the fresh memory.
unsafe impl GlobalAlloc for Blocks {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let power = power(layout);
        let size = 1usize << (power & 31);
        // SAFETY: one thread; a free block holds the address of the next one or null.
        unsafe {
            let list = (&raw mut FREE).cast::<*mut u8>().add(power & 31);
            let block = *list;
            if !block.is_null() {
                *list = *block.cast::<*mut u8>();
                return block;
            }
            let (mut from, mut end) = FRESH;
            if end - from < size {
                let pages = size.div_ceil(PAGE);
                let grown = memory_grow(0, pages);
                if grown == usize::MAX {
                    return null_mut();
                }
                // Whoever else grew the memory in between: what was left before is left behind.
                if grown * PAGE != end {
                    from = grown * PAGE;
                }
                end = memory_size(0) * PAGE;
            }
            FRESH = (from + size, end);
            from as *mut u8
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe {
            let list = (&raw mut FREE).cast::<*mut u8>().add(power(layout) & 31);
            *block.cast::<*mut u8>() = *list;
            *list = block;
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's layout is that of the block, and sizes are below the end of memory.
        unsafe {
            let wanted = Layout::from_size_align_unchecked(size, layout.align());
            if power(wanted) == power(layout) {
                return block;
            }
            let moved = self.alloc(wanted);
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

#[global_allocator]
static ALLOCATOR: Blocks = Blocks;
