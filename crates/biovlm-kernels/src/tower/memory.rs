//! Numbers in memory that begins at a cache line, all zeros at first, so that vectors of 64 bytes never straddle two.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([u8; 64]);

mod sealed {
    pub trait Plain: Copy {}
    impl Plain for u8 {}
    impl Plain for i8 {}
    impl Plain for i32 {}
    impl Plain for f32 {}
}

/// An array of plain numbers on whole cache lines.
pub(super) struct Lines<T> {
    lines: Vec<Line>,
    length: usize,
    kind: PhantomData<T>,
}

impl<T: sealed::Plain> Lines<T> {
    pub fn zeros(length: usize) -> Self {
        let lines = vec![Line([0; 64]); (length * size_of::<T>()).div_ceil(64)];
        Self { lines, length, kind: PhantomData }
    }

    /// `from`, then zeros up to `length`.
    pub fn padded(from: &[T], length: usize) -> Self {
        let mut made = Self::zeros(length);
        made[..from.len()].copy_from_slice(from);
        made
    }
}

impl<T: sealed::Plain> Deref for Lines<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: the lines hold at least `length` numbers, aligned to more than theirs, of a type of which all bytes are values.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl<T: sealed::Plain> DerefMut for Lines<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and `self` is borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}
