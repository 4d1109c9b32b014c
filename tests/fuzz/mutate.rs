//! Small changes to inputs, all from one seed.

/// Makes inputs out of inputs.
pub struct Mutator<'d> {
    state: u64,
    dictionary: &'d [&'d str],
}

/// Bytes that mean something to somebody.
const BYTES: &[u8] = b"\0\t\n\r \"#%&'()*+,-./:;<=>?@[\\]^_`{|}~09azAZ\x7f\x80\xc3\xe2\xff";

impl<'d> Mutator<'d> {
    pub fn new(seed: u64, dictionary: &'d [&'d str]) -> Self {
        Self { state: seed, dictionary }
    }

    /// One of the inputs with a few changes, at most `longest` bytes.
    pub fn mutated(&mut self, corpus: &[Vec<u8>], longest: usize) -> Vec<u8> {
        let mut input = self.one_of(corpus).clone();
        for _ in 0..=self.below(5) {
            self.change(&mut input, corpus);
        }
        input.truncate(longest);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let (start, end) = self.range(input.len());
        match self.below(9) {
            0 => {
                if let Some(byte) = input.get_mut(start) {
                    *byte ^= 1 << (self.state.rotate_right(7) % 8);
                }
            }
            1 => {
                let byte = *self.one_of(BYTES);
                input.insert(start, byte);
            }
            2 => drop(input.drain(start..end)),
            3 => {
                let copy = input[start..end].to_vec();
                let place = self.below(input.len() + 1);
                input.splice(place..place, copy);
            }
            4 => {
                let other = self.one_of(corpus).clone();
                let (from, to) = self.range(other.len());
                input.splice(start..end, other[from..to].iter().copied());
            }
            5 | 6 if !self.dictionary.is_empty() => {
                let dictionary = self.dictionary;
                let word = self.one_of(dictionary);
                let end = if self.below(2) == 0 { start } else { end };
                input.splice(start..end, word.bytes());
            }
            7 => input.truncate(start),
            _ => {
                if let Some(byte) = input.get_mut(start) {
                    *byte = BYTES[usize::try_from(self.state % BYTES.len() as u64).unwrap()];
                }
            }
        }
    }

    /// A range, mostly a short one.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let start = self.below(length + 1);
        let most = if self.below(4) == 0 { length } else { 12 };
        let end = start + self.below((length - start).min(most) + 1);
        (start, end)
    }

    fn one_of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let place = self.below(list.len());
        &list[place]
    }

    /// A number below `end`, which is not zero (SplitMix64).
    fn below(&mut self, end: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % end as u64).unwrap()
    }
}
