//! Where strings end: bytes that are special in them, looked for in blocks of 64.

use super::scan::specials;

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

    /// The index of the first marked byte at or after `at`; the length of the text or more if there is
    /// none.
    #[inline(always)]
    pub fn next(&mut self, at: usize) -> usize {
        // Most are in the block that was looked at last.
        let offset = at.wrapping_sub(self.base);
        if offset < BLOCK {
            let rest = self.block >> offset;
            if rest != 0 {
                return at + rest.trailing_zeros() as usize;
            }
        }
        self.seek(at)
    }

    /// The same where it may be in another block.
    #[inline(never)]
    fn seek(&mut self, at: usize) -> usize {
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
        marks |= u64::from(specials(*part)) << (16 * place);
    }
    marks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn marks_are_found_from_wherever_one_looks(
            text in r#"[a-z\"\\é\n\x1f ]{0,200}"#,
            places in prop::collection::vec(0_usize..400, 1..6),
        ) {
            let bytes = text.as_bytes();
            let mut marks = Marks::of(bytes);
            for from in places {
                let each = bytes.iter().enumerate().skip(from);
                let mut marked = each.filter(|(_, byte)| matches!(byte, b'"' | b'\\' | 0..0x20));
                let found = marks.next(from);
                match marked.next() {
                    Some((at, _)) => prop_assert_eq!(found, at),
                    None => prop_assert!(found >= bytes.len()),
                }
            }
        }
    }
}
