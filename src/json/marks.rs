//! Where strings end: quotes, backslashes and control characters, looked for in blocks of 64 bytes.

use wide::u8x16;

/// How many bytes a block has: a bit for each.
const BLOCK: usize = 64;

/// The marked bytes of a text, found as a reader comes to them.
pub(super) struct Marks<'t> {
    text: &'t [u8],
    /// Where the block begins that was looked at last.
    base: usize,
    /// A bit for each marked byte of it, the lowest for the first.
    block: u64,
}

impl<'t> Marks<'t> {
    pub fn of(text: &'t [u8]) -> Self {
        Self { text, base: 0, block: marks(text, 0) }
    }

    /// The index of the first marked byte at or after `at`, which may be none behind the end of the text.
    #[inline(always)]
    pub fn next(&mut self, at: usize) -> usize {
        let base = at - at % BLOCK;
        if base != self.base {
            (self.base, self.block) = (base, marks(self.text, base));
        }
        let mut found = self.block & (u64::MAX << (at % BLOCK));
        while found == 0 {
            self.base += BLOCK;
            if self.base >= self.text.len() {
                return self.text.len();
            }
            self.block = marks(self.text, self.base);
            found = self.block;
        }
        self.base + found.trailing_zeros() as usize
    }
}

/// The marks of the block that begins there.
#[inline(never)]
fn marks(text: &[u8], base: usize) -> u64 {
    let rest = text.get(base..).unwrap_or_default();
    if let Some(block) = rest.first_chunk() {
        return marks_of(block);
    }
    // Nothing is behind the end: spaces are not marked.
    let mut block = [b' '; BLOCK];
    for (byte, own) in block.iter_mut().zip(rest) {
        *byte = *own;
    }
    marks_of(&block)
}

#[inline(always)]
fn marks_of(block: &[u8; BLOCK]) -> u64 {
    let (parts, _) = block.as_chunks::<16>();
    let mut marks = 0;
    for (place, part) in parts.iter().enumerate() {
        marks |= u64::from(sixteen(*part)) << (16 * place);
    }
    marks
}

/// A bit for each marked one of sixteen bytes.
#[inline(always)]
fn sixteen(bytes: [u8; 16]) -> u32 {
    let bytes = u8x16::new(bytes);
    let is_backslash = bytes.simd_eq(u8x16::splat(b'\\'));
    // With that bit turned over, the quote changes places with the space, and stands right behind the
    // control characters.
    let is_quote_or_control = (bytes ^ u8x16::splat(2)).simd_le(u8x16::splat(0x20));
    (is_quote_or_control | is_backslash).to_bitmask()
}
