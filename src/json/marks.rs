//! Where strings end: bytes that are special in them, looked for in blocks of 64.

use fearless_simd::{Level, Simd, SimdFrom, dispatch, u8x64};

use super::scan::specials_of;

/// How many bytes a block has: a bit for each.
const BLOCK: u32 = 64;

/// The marked bytes of a text shorter than 4 GiB: quotes, backslashes, control characters, and what is
/// behind its end.
pub(super) struct Marks {
    /// A bit for each byte of a block, the lowest for the first.
    blocks: Vec<u64>,
}

/// One marked byte.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    /// Where its block begins.
    base: u32,
    /// The bits of the block, from its own.
    bits: u64,
}

impl Mark {
    /// Its index.
    #[inline(always)]
    pub fn place(self) -> u32 {
        self.base + self.bits.trailing_zeros()
    }
}

impl Marks {
    /// Looks at all of a text, with the widest vectors that the processor has.
    pub fn of(text: &[u8]) -> Self {
        Self { blocks: dispatch!(Level::new(), simd => marks(simd, text)) }
    }

    /// The first marked byte at or after `at`.
    #[inline(never)]
    pub fn find(&self, at: u32) -> Mark {
        let mut mask = u64::MAX << (at % BLOCK);
        let mut base = at - at % BLOCK;
        loop {
            let Some(block) = self.blocks.get((base / BLOCK) as usize) else {
                return Mark { base, bits: 0 };
            };
            let bits = block & mask;
            if bits != 0 {
                return Mark { base, bits };
            }
            mask = u64::MAX;
            base += BLOCK;
        }
    }

    /// The same, from another one of which is known that `COUNT` are marked before `at`, itself among
    /// them: a third of the work, and it need not wait for `at`.
    #[inline(always)]
    pub fn find_behind<const COUNT: usize>(&self, mark: Mark, at: u32) -> Mark {
        let Mark { base, mut bits } = mark;
        for _ in 0..COUNT {
            bits &= bits.wrapping_sub(1);
        }
        if bits == 0 { self.find(at) } else { Mark { base, bits } }
    }
}

#[inline(always)]
fn marks<S: Simd>(simd: S, text: &[u8]) -> Vec<u64> {
    let (blocks, rest) = text.as_chunks();
    let mut marks = vec![0; blocks.len() + 1];
    for (mark, block) in marks.iter_mut().zip(blocks) {
        *mark = specials_of(u8x64::simd_from(simd, *block));
    }
    // Behind the end everything is marked: looking for the next one ends there.
    let mut last = [0; BLOCK as usize];
    for (byte, own) in last.iter_mut().zip(rest) {
        *byte = *own;
    }
    if let Some(mark) = marks.last_mut() {
        *mark = specials_of(u8x64::simd_from(simd, last));
    }
    marks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The places of all that is marked.
    fn marked(bytes: &[u8]) -> Vec<u32> {
        let places = (0_u32..).zip(bytes);
        places
            .filter(|(_, byte)| matches!(byte, b'"' | b'\\' | 0..0x20))
            .map(|(place, _)| place)
            .collect()
    }

    proptest! {
        #[test]
        fn marks_are_found_from_wherever_one_looks(
            text in r#"[a-z\"\\é\n\x1f ]{0,200}"#,
            places in prop::collection::vec(0_u32..400, 1..6),
        ) {
            let marks = Marks::of(text.as_bytes());
            for from in places {
                let found = marks.find(from).place();
                match marked(text.as_bytes()).into_iter().find(|place| *place >= from) {
                    Some(place) => prop_assert_eq!(found, place),
                    None => prop_assert!(found as usize >= text.len()),
                }
            }
        }

        #[test]
        fn marks_are_found_from_others(text in r#"[a-z\"\\é\n\x1f ]{0,300}"#) {
            let marks = Marks::of(text.as_bytes());
            for row in marked(text.as_bytes()).windows(3) {
                let mark = marks.find(row[0]);
                prop_assert_eq!(marks.find_behind::<1>(mark, row[0] + 1).place(), row[1]);
                prop_assert_eq!(marks.find_behind::<2>(mark, row[1] + 1).place(), row[2]);
            }
        }

        #[test]
        fn vectors_of_any_width_find_the_same(text in r#"[a-z\"\\é\n\x1f ]{0,300}"#) {
            let bytes = text.as_bytes();
            let found = Marks::of(bytes).blocks;
            prop_assert_eq!(&found, &dispatch!(Level::baseline(), simd => marks(simd, bytes)));
            #[cfg(target_arch = "x86_64")]
            {
                let best = Level::new();
                if let Some(narrower) = best.as_avx2() {
                    prop_assert_eq!(&found, &narrower.vectorize(|| marks(narrower, bytes)));
                }
                if let Some(narrower) = best.as_sse4_2() {
                    prop_assert_eq!(&found, &narrower.vectorize(|| marks(narrower, bytes)));
                }
            }
        }
    }
}
